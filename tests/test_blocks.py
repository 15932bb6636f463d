"""What a page says is printed is compared with what was printed, line by line."""

import pytest

from tests.blocks import not_printed

PRINTED = "  lr=0.1   0.1169 (0.09722 to 0.1365)  9\nsgd: lr 0.1; f = 0.0124\nNo trial diverged.\n"


@pytest.mark.parametrize(
    "told",
    [
        "sgd: lr 0.1; f = 0.0124",
        "sgd: lr 0.1; f = 0.0125",  # the last digits of another processor
        "lr=0.1 0.1169 (0.09722 to 0.1365)  ...",
        "...",
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
    ],
)
def test_a_line_that_was_not_printed_is_told(told: str) -> None:
    assert [*not_printed(f"```text\n{told}\n```\n", PRINTED)] == [told]
