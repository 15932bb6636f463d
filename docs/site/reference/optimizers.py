"""The page of all optimizers: formulas, hyperparameters and what is searched of them."""

from docs.site import markdown
from docs.site.docstrings import examples, paragraphs, plain, read, sentence
from docs.site.markdown import code, link, source, told
from docs.site.options import CONF, numbers, shared
from tuner.cli import first_comment
from tuner.training import optimizers


def page() -> str:
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
    return markdown.page("Optimizers", *lines)
