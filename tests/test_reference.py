"""The reference tells what the code has: up to date, and nothing that can be set is missing."""

import re
from pathlib import Path

import pytest
from pydantic import Field

from docs import reference
from docs.site import allowed, docstrings, options
from docs.site.reference.jobs import exit_codes
from tuner.composing import TAKEN, compose, config_folder
from tuner.concluding import NOTHING_SUCCEEDED, TARGET_MISSED, UNDELIVERED
from tuner.errors import UserError
from tuner.jobs import names as jobs
from tuner.training import losses, optimizers, schedules
from tuner.training.domains import Domain
from tuner.training.families import FAMILIES


def page(name: str) -> str:
    return (reference.FOLDER / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_of_the_reference_is_what_the_command_makes(name: str) -> None:
    assert page(name) == reference.PAGES[name](), "run python -m docs.reference"


def test_no_page_of_the_reference_is_left_over() -> None:
    assert {path.stem for path in reference.FOLDER.glob("*.md")} == set(reference.PAGES)


def test_the_page_of_settings_tells_those_that_there_are() -> None:
    told = re.findall(r"^\| `\+?([\w.]+)(?:=STUDY)?` \|", page("settings"), re.MULTILINE)
    groups = {path.name for path in config_folder().iterdir() if path.is_dir()}
    others = {key: v for key, v in compose([], None).items() if key not in groups}
    below = {f"{key}.{k}" for key, v in others.items() if isinstance(v, dict) for k in v}
    plain = {key for key, value in others.items() if not isinstance(value, dict)}
    of_groups = {key for key in told if key.partition(".")[0] in groups and "." in key}
    assert set(told) - of_groups == groups | below | plain | {*TAKEN}


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_setting_has_a_meaning(name: str) -> None:
    rows = re.findall(r"^\| (`[\w.]+`) \|.* \| ?(.*?) ?\|$", reference.PAGES[name](), re.MULTILINE)
    assert not [setting for setting, meaning in rows if not meaning]


def test_each_option_of_what_is_trained_has_a_section() -> None:
    for name, known in {
        "optimizers": optimizers.names(),
        "schedules": schedules.names(),
        "losses": losses.names(),
        "models": FAMILIES,
    }.items():
        assert set(known) <= set(re.findall(r"^## (\w+)$", page(name), re.MULTILINE))


def test_the_page_of_jobs_tells_jobs_and_exit_codes() -> None:
    assert re.findall(r"^\| `job=(\w+)`", page("jobs"), re.MULTILINE) == jobs()
    errors = {UserError, *UserError.__subclasses__()}
    known = {0, NOTHING_SUCCEEDED, TARGET_MISSED, UNDELIVERED, 129, 130, 143}
    told = {int(code) for codes in exit_codes() for code in codes.split(",")}
    assert told == known | {e.exit_code for e in errors}


def test_a_default_in_conf_is_told_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        '# A file.\n"yes": false   # ask\nlr: {low: 1e-5, high: 1}\npart:  # of it\n'
        "  name: a b   # what\n              # it is\n  # alone\nmark: '#'\n"
    )
    assert options.comments(file) == {
        "yes": ("false", "ask"),
        "lr": ("{low: 1e-5, high: 1}", ""),
        "part": ("", "of it"),
        "part.name": ("a b", "what it is alone"),
        "mark": ("'#'", ""),
    }


def test_what_is_allowed_is_told_in_words() -> None:
    assert allowed.domain(Domain(-1e6, 1e6, high_closed=True)) == "at least -10^6, at most 10^6"
    assert allowed.domain((False, "he")) == "`false`, `he`"
    assert allowed.kind(list[str] | str | None) == "a list of texts or text"
    assert allowed.kind(float, (Field(gt=0, le=0.5),)) == "a number above 0, at most 0.5"


def test_a_docstring_is_taken_apart() -> None:
    def rule() -> None:
        """The rule, x**2 of `a*b` and _c.

        Args:
            a, b: one
                and more.
            c: another.

        Returns:
            What is new.

        It holds:

        >>> 1
        1
        """

    own = docstrings.read(rule)
    assert own.text == ["The rule, x**2 of `a*b` and _c."]
    assert own.of("b") == "one and more."
    assert own.of("none") == ""
    assert own.examples == [("It holds:", ">>> 1\n1")]
    assert docstrings.plain(own.text[0]) == r"The rule, x\*\*2 of `a*b` and \_c."
