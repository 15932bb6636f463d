"""Writes the reference in docs/reference from the code, conf/ and their comments.

From the folder of the checkout:

    python -m docs.reference            writes its pages
    python -m docs.reference --check    tells which of them are not up to date
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import tuner
import tuner.estimators
import tuner.model_selection
import tuner.tuned
from docs.site import allowed
from docs.site.docstrings import (
    cell,
    examples,
    listed,
    paragraphs,
    plain,
    read,
    sentence,
    signature,
)
from tuner import discovery, jobs
from tuner.cli import first_comment, help_page
from tuner.composing import TAKEN, config_folder, options
from tuner.config import schema
from tuner.data import readers
from tuner.errors import BusyError, CrashError, UserError
from tuner.own_help import GIVEN
from tuner.search import pruners, samplers
from tuner.training import functions, losses, optimizers, schedules
from tuner.training.families import FAMILIES, dropping, penalties

FOLDER = Path(__file__).with_name("reference")
CHECKOUT = FOLDER.parents[1]
CONF = config_folder()
MADE = "<!-- Made by python -m docs.reference; change the code or conf/, not this page. -->"

# A key of a YAML file in conf/, with its value and the comment behind it; a comment goes on in the
# lines below it that hold nothing else.
LINE = re.compile(r'^( *)"?([A-Za-z]\w*)"?: *((?:"[^"]*"|\'[^\']*\'|[^#"\'])*?) *(?:# *(.*))?$')
MORE = re.compile(r"^ +# *(.*)$")

Rows = Iterable[tuple[str, ...]]


def comments(path: Path) -> dict[str, tuple[str, str]]:
    """The keys of a YAML file with their values, as they are written, and their comments."""
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


def table(head: tuple[str, ...], rows: Rows) -> list[str]:
    """A table of Markdown, or nothing where there are no rows."""
    made = [f"| {' | '.join(cell(own) for own in row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *made, ""] if made else []


def code(text: object) -> str:
    """Code within a line."""
    return f"`{text}`"


def link(path: str, text: str = "") -> str:
    """A link to a file of the checkout, which must be there."""
    assert (CHECKOUT / path).exists(), path
    near = path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"
    return f"[{text or path}](../{near})"


def told(name: str, text: str) -> str:
    """A link to the page of that name, wherever in docs/ it stands."""
    near = (f"docs/{folder}{name}.md" for folder in ("", "howto/", "explanation/"))
    return link(next(path for path in near if (CHECKOUT / path).exists()), text)


def source(thing: Any) -> str:
    """A link to the file that defines a thing."""
    return link(str(Path(inspect.getfile(inspect.unwrap(thing))).relative_to(CHECKOUT)))


def page(title: str, *lines: str) -> str:
    """A page from its title and its lines."""
    text = "\n".join([f"# {title}", "", *lines, "", MADE])
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


# Settings --------------------------------------------------------------------------------------

SETTING = ("setting", "default", "allowed", "meaning")
# What a trial is made of: of these, a type of the schema says nothing.
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
    """The option of each group that the main config chooses."""
    lines = (CONF / "config.yaml").read_text(encoding="utf-8").splitlines()
    found = (re.match(r"  - (\w+): (\w+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def settings() -> str:
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
    return page("Settings", *lines)


def option(group: str, name: str, may: Callable[[str], str]) -> list[str]:
    """An option of a group: what it is, and a table of what it sets."""
    path = CONF / group / f"{name}.yaml"
    known = comments(path) if path.exists() else {}
    rows = [
        (code(f"{group}.{key}"), code(value), may(key), plain(said) if said else "")
        for key, (value, said) in known.items()
        if key not in ("name", "reader")
    ]
    said = plain(first_comment(path)) if path.exists() else ""
    return [f"### {group}={name}", "", sentence(said) if said else "", "", *table(SETTING, rows)]


def data() -> list[str]:
    """The section of data sets: those of one reader take the same settings."""
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
    """The section of a group whose options are classes that are found by name."""
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


# What is trained -------------------------------------------------------------------------------

NUMBER = ("setting", "default", "searched", "allowed", "meaning")


def numbers(group: str, name: str, own: Mapping[str, Any], said: Callable[[str], str]) -> list[str]:
    """The table of the hyperparameters of an option: textbook defaults, conf's ranges, domains."""
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
    """The table of hyperparameters that all options of a group take."""
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


def optimizer_page() -> str:
    """The page of all optimizers."""
    lines = [
        "Every optimizer is the formula of its paper. `default` is the textbook value;",
        "`searched` is the range that tuner searches if you give none. For how to choose one, see",
        f"{told('optimizers', 'Optimizers')}.",
        "",
        "## All optimizers",
        "",
        *shared(optimizers.SHARED, optimizers.shared),
    ]
    for name in optimizers.names():
        own = optimizers.load(name)
        doc = read(own.rule)
        files = [source(own.rule), link(f"conf/optimizer/{name}.yaml")]
        slots = ", ".join(code(slot) for slot in own.slots) or "none"
        lines += [
            f"## {name}",
            "",
            sentence(plain(first_comment(CONF / "optimizer" / f"{name}.yaml"))),
        ]
        lines += ["", *paragraphs(doc), *numbers("optimizer", name, own.own, doc.of)]
        lines += [
            f"State that it keeps: {slots}. Files: {' and '.join(files)}.",
            "",
            *examples(doc),
        ]
    return page("Optimizers", *lines)


def schedule_page() -> str:
    """The page of all schedules."""
    lines = [
        "A schedule gives the learning rate at step t of T. For warmups and schedules one after",
        f"another, see {told('schedules', 'Schedules')}.",
        "",
        "## All schedules",
        "",
        *shared(schedules.SHARED, schedules.shared),
        "## The parts of schedule.parts",
        "",
        *shared(schedules.PART, schedules.part),
    ]
    for name in schedules.names():
        own = schedules.load(name)
        docs = [read(f) for f in (own.rate, own.momentum, own.state) if f]

        def said(key: str, docs: list[Any] = docs) -> str:
            return next((text for doc in docs if (text := doc.of(key))), "")

        lines += [f"## {name}", "", *paragraphs(docs[0]), *numbers("schedule", name, own.own, said)]
        files = f"{source(own.rate)} and {link(f'conf/schedule/{name}.yaml')}"
        lines += [f"Files: {files}.", "", *examples(docs[0])]
    return page("Schedules", *lines)


def loss_page() -> str:
    """The page of all losses."""
    lines = [
        "A loss is for one task or several; where none is given, the task's usual one is taken.",
        "",
    ]
    usual = {task: losses.fitting(task)[0] for task in losses.TASKS}
    lines += table(("task", "usual loss"), ((code(t), f"[{n}](#{n})") for t, n in usual.items()))
    for name in losses.names():
        own = losses.load(name)
        doc = read(own.rule)
        lines += [f"## {name}", "", *paragraphs(doc), *numbers("loss", name, own.own, doc.of)]
        tasks = ", ".join(code(task) for task in own.tasks)
        lines += [
            f"For {tasks}. The score beside it: {code(own.score.__name__)}.",
            "",
            *examples(doc),
        ]
    return page("Losses", *lines)


def model_page() -> str:
    """The page of all models, and of the functions that stand in the place of one."""
    said = {**read(penalties).parts.get("Args", {}), **read(dropping).parts.get("Args", {})}
    lines = [
        f"For what each model is for, see {told('models', 'Models and losses')}.",
        "",
    ]
    for name, family in FAMILIES.items():
        path = CONF / "model" / f"{name}.yaml"
        known = comments(path)
        of_losses = {
            key: read(losses.load(n).rule).of(key) for n in family.own for key in losses.load(n).own
        }
        texts = said | of_losses
        learns = ", ".join(link_to_loss(n) for n in family.own) or "any that fits the task"
        lines += [f"## {name}", "", sentence(plain(first_comment(path))), ""]
        rows = [
            (
                code(f"model.{name}.{key}"),
                code(known.get(key, ("", ""))[0]) if key in known else "",
                allowed.domain(own),
                plain(text) if (text := texts.get(key) or known.get(key, ("", ""))[1]) else "",
            )
            for key, own in family.settings.items()
        ]
        lines += table(SETTING, rows)
        lines += [f"Tasks: {', '.join(map(code, family.tasks))}. Loss: {learns}.", ""]
    lines += ["## Functions without data", "", "In the place of a model, to see how optimizers", ""]
    lines[-2] += f" descend ({told('descents', 'descents')})."
    for name in functions.names():
        kind = functions.load(name)
        doc, path = read(kind), CONF / "model" / f"{name}.yaml"
        known = comments(path)
        base = read(functions.Function)
        rows = [
            (
                code(f"model.{name}.{key}"),
                code(known[key][0]) if key in known else "",
                allowed.domain(own),
                plain(doc.of(key) or base.of(key)),
            )
            for key, own in functions.settings(name).items()
        ]
        lines += [f"### {name}", "", *paragraphs(doc), *table(SETTING, rows)]
    return page("Models", *lines)


def link_to_loss(name: str) -> str:
    """A link to a loss on its page."""
    return f"[{name}](losses.md#{name})"


# Commands --------------------------------------------------------------------------------------


def exit_codes() -> dict[str, str]:
    """The exit codes as the help page has them, line by line."""
    told = help_page().split("Exit codes:\n")[1]
    return dict(re.findall(r"^ +([\d, ]+?) +(\D.*)$", told, re.MULTILINE))


def job_page() -> str:
    """The page of jobs, flags and exit codes."""
    rows = [
        (
            code(f"job={name}"),
            plain(discovery.first_line(jobs.__name__, name)),
            ", ".join(map(code, jobs.outputs(name))),
            "yes" if jobs.looks_at_a_study(name) else "",
        )
        for name in jobs.names()
    ]
    flags = re.findall(r"^    (--[\w-]+(?: [A-Z]+)?(?:, -\w)?)  +(.*)$", help_page(), re.MULTILINE)
    own = [(code(flag), plain(said)) for flag, said in flags]
    return page(
        "Jobs and exit codes",
        "The first setting or word of a command may be its job: `tuner list` is `job=list`. A job",
        "that looks at a study takes the study's name behind it, as `tuner show adam`.",
        "",
        *table(("job", "what it does", "`output`", "looks at a study"), rows),
        "## Flags",
        "",
        *table(("flag", "meaning"), own),
        "## Exit codes",
        "",
        *table(("exit code", "meaning"), ((n, plain(text)) for n, text in exit_codes().items())),
    )


# Python ----------------------------------------------------------------------------------------


def api(name: str, thing: Any) -> list[str]:
    """A function or a class: how it is called, what it says, and its public members."""
    doc = read(thing)
    lines = [f"### {name}", "", f"```text\n{signature(name.rpartition('.')[2], thing)}\n```", ""]
    own = doc if doc.text else read(thing.__init__)
    lines += paragraphs(own)
    lines += listed(own, "Args", "Attributes", "Returns", "Yields", "Raises")
    lines += examples(own)
    if inspect.isclass(thing):
        rows = []
        for key, member in members(thing):
            said = read(member).text
            called = "" if isinstance(member, property) else "()"
            rows.append((code(f"{key}{called}"), plain(said[0]) if said else ""))
        lines += table(("member", "what it is"), rows)
    return lines


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class or a base of ours defines, in order."""
    seen = set[str]()
    for base in kind.__mro__:
        if not base.__module__.startswith("tuner"):
            continue
        for key, member in vars(base).items():
            member = getattr(member, "__func__", member)
            if not isinstance(member, property) and hasattr(member, "attrname"):
                member = property(member.func, doc=member.func.__doc__)
            known = isinstance(member, property) or inspect.isfunction(member)
            if key[0] != "_" and known and key not in seen and member.__doc__:
                seen.add(key)
                yield key, member


def python_page() -> str:
    """The page of the Python API."""
    lines = [
        f"For how to use it, see {told('python', 'From Python')} and",
        f"{told('functions', 'Your own training function')}.",
        "",
        "## tuner",
        "",
    ]
    for name in sorted(tuner.__all__, key=str.lower):
        lines += api(f"tuner.{name}", getattr(tuner, name))
    lines += api("tuner.tuned.TunedStudy", tuner.tuned.TunedStudy)
    lines += [
        "## What a training function is given",
        "",
        "Where it has parameters of these names:",
        "",
    ]
    lines += table(("parameter", "meaning"), ((code(k), plain(v)) for k, v in GIVEN.items()))
    for module in (tuner.model_selection, tuner.estimators):
        lines += [f"## {module.__name__}", ""]
        for name in sorted(module.__all__, key=str.lower):
            lines += api(f"{module.__name__}.{name}", getattr(module, name))
    lines += ["## tuner.errors", ""]
    for kind in (UserError, BusyError, CrashError):
        lines += api(f"tuner.errors.{kind.__name__}", kind)
    return page("Python API", *lines)


PAGES: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "jobs": job_page,
    "optimizers": optimizer_page,
    "schedules": schedule_page,
    "losses": loss_page,
    "models": model_page,
    "python": python_page,
}


def main() -> int:
    """Writes the pages, or tells which are not up to date."""
    stale = []
    FOLDER.mkdir(exist_ok=True)
    for name, made in PAGES.items():
        path, text = FOLDER / f"{name}.md", made()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
    for path in stale:
        print(path)
        if "--check" not in sys.argv[1:]:
            path.write_text(PAGES[path.stem](), encoding="utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
