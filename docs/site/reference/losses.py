"""The page of all losses, by task and by name."""

from docs.site import markdown
from docs.site.docstrings import examples, paragraphs, read
from docs.site.markdown import code, table
from docs.site.options import numbers
from tuner.training import losses


def page() -> str:
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
    return markdown.page("Losses", *lines)
