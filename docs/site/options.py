"""Options: what conf/ and the docstrings say of one, as tables of its settings."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from docs.site import allowed
from docs.site.docstrings import paragraphs, plain, read, sentence
from docs.site.markdown import code, table
from tuner.cli import first_comment
from tuner.composing import config_folder

CONF = config_folder()
SETTING = ("setting", "default", "allowed", "meaning")
NUMBER = ("setting", "default", "searched", "allowed", "meaning")

# A key of a YAML file in conf/, with its value and its comment. The comment may continue in the
# lines below, if they contain nothing else.
LINE = re.compile(r'^( *)"?([A-Za-z]\w*)"?: *((?:"[^"]*"|\'[^\']*\'|[^#"\'])*?) *(?:# *(.*))?$')
MORE = re.compile(r"^ +# *(.*)$")


def comments(path: Path) -> dict[str, tuple[str, str]]:
    """The keys of a YAML file with their values as written, and their comments."""
    found, section, last = dict[str, tuple[str, str]](), "", ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if (more := MORE.match(line)) and last:
            value, said = found[last]
            found[last] = (value, f"{said} {more[1]}".strip())
        elif match := LINE.match(line):
            indent, key, value, said = match.groups()
            section = section if indent else ("" if value else key)
            last = f"{section}.{key}" if indent else key
            found[last] = (value, said or "")
        else:
            last = ""
    return {key: own for key, own in found.items() if not key.startswith("defaults")}


def option(group: str, name: str, may: Callable[[str], str]) -> list[str]:
    """An option of a group: its description, and a table of its settings."""
    path = CONF / group / f"{name}.yaml"
    known = comments(path) if path.exists() else {}
    rows = [
        (code(f"{group}.{key}"), code(value), may(key), plain(said) if said else "")
        for key, (value, said) in known.items()
        if key not in ("name", "reader")
    ]
    said = plain(first_comment(path)) if path.exists() else ""
    return [f"### {group}={name}", "", sentence(said) if said else "", "", *table(SETTING, rows)]


def numbers(group: str, name: str, own: Mapping[str, Any], said: Callable[[str], str]) -> list[str]:
    """The table of an option's hyperparameters: default values, conf's ranges, and domains."""
    path = CONF / group / f"{name}.yaml"
    written = comments(path) if path.exists() else {}
    rows = []
    for key, hyperparameter in own.items():
        value, comment = written.get(key, ("", ""))
        searched = value if value.startswith("{") else ""
        default = "" if hyperparameter.default in (float("inf"),) else f"{hyperparameter.default:g}"
        if value and not searched and value != "null":
            default = value
        meaning = said(key) or comment
        rows.append(
            (
                code(f"{group}.{name}.{key}"),
                code(default) if default else "",
                code(searched) if searched else "no",
                allowed.domain(hyperparameter.domain),
                plain(meaning) if meaning else "",
            )
        )
    return table(NUMBER, rows)


def shared(own: Mapping[str, Any], rule: Callable[..., Any]) -> list[str]:
    """The table of the hyperparameters that all options of a group take."""
    doc = read(rule)
    rows = [
        (
            code(name),
            "none" if h.default == float("inf") else code(f"{h.default:g}"),
            allowed.domain(h.domain),
            plain(doc.of(name)),
        )
        for name, h in own.items()
    ]
    return [*paragraphs(doc), *table(("hyperparameter", "default", "allowed", "meaning"), rows)]
