"""The page of all schedules, their warmups and their parts."""

from typing import Any

from docs.site import markdown
from docs.site.docstrings import examples, paragraphs, read
from docs.site.markdown import link, source, told
from docs.site.options import numbers, shared
from tuner.training import schedules


def page() -> str:
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
    return markdown.page("Schedules", *lines)
