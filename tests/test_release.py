"""Promises of a release: one version everywhere, and forms that the forge takes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.specifiers import SpecifierSet

import tuner

REPOSITORY = Path(__file__).resolve().parents[1]
FORMS = sorted((REPOSITORY / ".github/ISSUE_TEMPLATE").glob("*.yml"))

TEXT = {"type": "string", "minLength": 1}
REQUIRED = {
    "type": "object",
    "properties": {"required": {"type": "boolean"}},
    "additionalProperties": False,
}


def element(required: list[str], **attributes: Any) -> dict[str, Any]:
    """The schema of an element of a form, whose attributes are these."""
    return {
        "properties": {
            "type": TEXT,
            "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
            "validations": REQUIRED,
            "attributes": {
                "type": "object",
                "properties": attributes,
                "required": required,
                "additionalProperties": False,
            },
        },
        "required": ["type", "id", "attributes"],
        "additionalProperties": False,
    }


ASKED = {"label": TEXT, "description": TEXT}
# As GitHub documents the syntax of its form schema.
ELEMENTS = {
    "input": element(["label"], **ASKED, placeholder=TEXT, value=TEXT),
    "textarea": element(["label"], **ASKED, placeholder=TEXT, value=TEXT, render=TEXT),
    "dropdown": element(
        ["label", "options"],
        **ASKED,
        multiple={"type": "boolean"},
        options={"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
    ),
    "checkboxes": element(
        ["label", "options"],
        **ASKED,
        options={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"label": TEXT, "required": {"type": "boolean"}},
                "required": ["label"],
                "additionalProperties": False,
            },
        },
    ),
}
FORM = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "description": TEXT,
        "title": TEXT,
        "labels": {"type": "array", "items": TEXT},
        "body": {"type": "array", "minItems": 1},
    },
    "required": ["name", "description", "body"],
    "additionalProperties": False,
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [p for p in FORMS if p.name != "config.yml"], ids=lambda p: p.name)
def test_the_forge_takes_each_form(path: Path) -> None:
    form = read(path)
    jsonschema.validate(form, FORM)
    for part in form["body"]:
        assert part["type"] in ELEMENTS
        jsonschema.validate(part, ELEMENTS[part["type"]])
    for own in (
        [part["id"] for part in form["body"]],
        [p["attributes"]["label"] for p in form["body"]],
    ):
        assert len(set(own)) == len(own), "the forge refuses a form that says one twice"


def test_forms_have_names_of_their_own() -> None:
    names = [read(path)["name"] for path in FORMS if path.name != "config.yml"]
    assert len(set(names)) == len(names) > 1
    assert read(REPOSITORY / ".github/ISSUE_TEMPLATE/config.yml") == {"blank_issues_enabled": True}


def test_the_citation_is_of_this_version_and_has_what_its_schema_requires() -> None:
    """Required by version 1.2.0 of the Citation File Format."""
    cited = read(REPOSITORY / "CITATION.cff")
    known = {"abstract", "authors", "cff-version", "date-released", "keywords", "license"}
    assert cited.keys() == known | {"message", "title", "type", "version"}
    assert cited["cff-version"] == "1.2.0"
    assert cited["type"] == "software"
    assert cited["version"] == tuner.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", cited["date-released"])
    assert all(author.keys() == {"name"} and author["name"] for author in cited["authors"])
    assert cited["license"] == project()["license"]


def project() -> dict[str, Any]:
    """The table of this name in pyproject.toml."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        own: dict[str, Any] = tomllib.load(file)["project"]
    return own


def test_the_changelog_begins_with_this_version() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"(?m)^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", text)
    assert released[0] == tuner.__version__


def test_the_pythons_that_are_named_are_those_that_are_allowed() -> None:
    own = project()
    named = re.findall(r"Python :: (3\.\d+)$", "\n".join(own["classifiers"]), re.M)
    allowed = SpecifierSet(own["requires-python"])
    assert named == [f"3.{minor}" for minor in range(11, 15)]
    assert all(version in allowed for version in named)
    assert "3.10" not in allowed


def test_a_deprecated_name_works_and_says_what_to_use() -> None:
    import tuner.estimators
    from tuner.model_selection import TunerSearchCV

    with pytest.warns(
        FutureWarning, match=r"gone in 2\.0: use tuner\.model_selection\.Tuner"
    ) as told:
        found = tuner.estimators.TunerSearchCV
    assert found is TunerSearchCV
    assert told[0].filename == __file__, "the warning points to the line that uses the name"


def test_nothing_that_is_deprecated_outlives_its_version() -> None:
    """The policy of docs/versions.md: what is announced for a version is gone in it."""
    calls = re.compile(r'warn_deprecated\([^)]*until="(\d+)\.0"')
    major = int(tuner.__version__.partition(".")[0])
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "tuner").rglob("*.py")]
    ends = [int(found) for text in texts for found in calls.findall(text)]
    assert ends
    assert all(end > major for end in ends)
