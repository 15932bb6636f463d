"""The page of all settings: groups, the main config, data sets, samplers and pruners."""

import re
from collections.abc import Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any, get_type_hints

from docs.site import allowed, markdown
from docs.site.docstrings import paragraphs, plain, read, sentence
from docs.site.markdown import code, link, table, told
from docs.site.options import CONF, SETTING, comments, option
from tuner.cli import first_comment
from tuner.composing import TAKEN, options
from tuner.config import schema
from tuner.data import readers
from tuner.search import pruners, samplers

# The allowed values of trials' settings, for which the schema has no type.
OF_TRIALS = {
    "batch_size": "a whole number, a range or choices",
    "where": "a list of conditions",
    "job": "a [job](jobs.md)",
}

GROUPS = {
    "data": "the data set",
    "executor": "what trains",
    "experiment": "a whole job to start from, given as `+experiment=NAME`",
    "loss": "what a model learns by ([losses](losses.md))",
    "model": "one, or a list ([models](models.md))",
    "optimizer": "one, or a list ([optimizers](optimizers.md))",
    "pruner": "who leaves early",
    "sampler": "who proposes settings",
    "schedule": "the learning rate step by step: one, or a list ([schedules](schedules.md))",
    "tracking": "where curves go",
}


def defaults() -> dict[str, str]:
    """The option that the main config chooses in each group."""
    lines = (CONF / "config.yaml").read_text(encoding="utf-8").splitlines()
    found = (re.match(r"  - (\w+): (\w+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def page() -> str:
    """The page of all settings."""
    known, chosen = comments(CONF / "config.yaml"), defaults()
    parts = {key.partition(".")[0] for key in known if "." in key}
    types = get_type_hints(schema.Config, include_extras=True)

    def row(key: str) -> tuple[str, ...]:
        value, said = known[key]
        section, _, name = key.rpartition(".")
        owner = types[section] if section else schema.Config
        own = owner.model_fields.get(name)
        may = OF_TRIALS.get(key) or allowed.field(own)
        return code(key), code(value), may, plain(said)

    lines = [
        "Settings are given as `key=value`, in any order. The end of a path is enough where it is",
        "clear, as `lr=0.1`. Words do for jobs, experiments and studies, as `tuner show adam`.",
        "`python -m tuner +experiment=adam --cfg` prints a composed config and stops. Any number",
        "of an optimizer, a schedule, a loss or a model, and `batch_size`, may be",
        f"{told('ranges', 'a range or choices')}. null stands for a default, told in the meaning.",
        "",
        "Own options and experiments need no change to `tuner`: put them in a folder laid out as",
        "`conf/` and add `--config-dir <folder>`.",
        "",
        "## Groups",
        "",
        "A group has one option of those that its folder in `conf/` holds.",
        "",
    ]
    rows = []
    for group, said in GROUPS.items():
        names = ", ".join(code(n) for n in sorted(options(group, [CONF])))
        names = names if len(names) < 400 else f"see {link(f'conf/{group}')}"
        default = chosen.get(group, "")
        rows.append((code(group), code(default) if default else "none", names, said))
    lines += table(("group", "default", "options", "meaning"), rows)
    taken = [(code(f"+{key}=STUDY"), f"take {said}") for key, said in TAKEN.items()]
    lines += ["## From another study", "", *table(("setting", "meaning"), taken)]
    lines += ["## The command", ""]
    lines += table(SETTING, (row(key) for key in known if key not in parts and "." not in key))
    for part in dict.fromkeys(key.partition(".")[0] for key in known if "." in key):
        lines += [f"## {part}", "", sentence(plain(known[part][1])) if known[part][1] else "", ""]
        lines += table(SETTING, (row(k) for k in known if k.startswith(f"{part}.")))
    lines += [*data(), *found("sampler", samplers), *found("pruner", pruners)]
    for group, kind in {
        "tracking": schema.TrackingConfig,
        "executor": schema.ExecutorConfig,
    }.items():
        lines += [f"## {group}", ""]
        for name in sorted(options(group, [CONF])):
            lines += option(group, name, lambda key, k=kind: allowed.field(k.model_fields[key]))
    return markdown.page("Settings", *lines)


def data() -> list[str]:
    """The section of data sets; all data sets of one reader take the same settings."""
    lines = ["## data", ""]
    for name in sorted(options("data", [CONF])):
        reader = comments(CONF / "data" / f"{name}.yaml").get("reader", ("bundled", ""))[0]
        own = readers.settings(reader)

        def may(key: str, own: Mapping[str, Any] = own) -> str:
            if key in own:
                return allowed.kind(own[key].annotation)
            return allowed.field(schema.DataConfig.model_fields[key])

        lines += option("data", name, may)
    return lines


def found(group: str, package: ModuleType) -> list[str]:
    """The section of a group whose options are classes that tuner finds by name."""
    lines = [f"## {group}", ""]
    for name in package.names():
        kind = package.load(name)
        types, own = get_type_hints(kind, include_extras=True), read(kind)
        written = CONF / group / f"{name}.yaml"
        said = comments(written) if written.exists() else {}
        rows = []
        for f in fields(kind):
            if not f.init:
                continue
            value, comment = said.get(f.name, (str(f.default), ""))
            meaning = own.of(f.name) or comment
            rows.append(
                (
                    code(f"{group}.{f.name}"),
                    code(value),
                    allowed.kind(types[f.name]),
                    plain(meaning) if meaning else "",
                )
            )
        first = [plain(first_comment(written)), ""] if written.exists() else []
        lines += [f"### {group}={name}", "", *first, *paragraphs(own), *table(SETTING, rows)]
    return lines
