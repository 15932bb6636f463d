"""What a page says is printed is compared with what was printed, line by line."""

import pytest

from tests.blocks import not_printed

PRINTED = """
  lr=0.1   0.1169 (0.09722 to 0.1365)  9
sgd: lr 0.1; f = 0.0124
No trial diverged.
  0  lr 3  3.673e+33  diverged at epoch 3
"""


@pytest.mark.parametrize(
    "told",
    [
        "sgd: lr 0.1; f = 0.0124",
        "sgd: lr 0.1; f = 0.0125",  # the last digits of another processor
        "lr=0.1 0.1169 (0.09722 to 0.1365)  ...",
        "...",
        "0 lr 3 2.507e+23 diverged at epoch 2",
    ],
)
def test_a_line_that_was_printed_is_found(told: str) -> None:
    assert not [*not_printed(f"```text\n{told}\n```\n", PRINTED)]


@pytest.mark.parametrize(
    "told",
    [
        "sgd: lr 0.1; f = 0.0134",
        "sgd: lr 0.1;",
        "lr=0.1 0.2169 ...",
        "No trial diverges.",
        "0 lr 2 3.673e+33 diverged at epoch 3",
        "0 lr 3 0.5 diverged at epoch 3",
        "0 lr 3 3.673e+33 diverged at epoch 5",
        "0 lr 3 3.673e+33 oscillating at epoch 3",
    ],
)
def test_a_line_that_was_not_printed_is_told(told: str) -> None:
    assert [*not_printed(f"```text\n{told}\n```\n", PRINTED)] == [told]
