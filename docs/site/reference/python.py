"""The page of the Python API: functions and classes with what their docstrings say."""

import inspect
from collections.abc import Iterator
from typing import Any

import tuner
import tuner.estimators
import tuner.model_selection
import tuner.tuned
from docs.site import markdown
from docs.site.docstrings import examples, listed, paragraphs, plain, read, signature
from docs.site.markdown import code, table, told
from tuner.errors import BusyError, CrashError, UserError
from tuner.own_help import GIVEN


def api(name: str, thing: Any) -> list[str]:
    """A function or a class: its signature, its docstring, and its public members."""
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
    """The public methods and properties of a class and of its bases in tuner, in order."""
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


def page() -> str:
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
    return markdown.page("Python API", *lines)
