"""The page of all models, and of the functions that stand in the place of one."""

from docs.site import allowed, markdown
from docs.site.docstrings import paragraphs, plain, read, sentence
from docs.site.markdown import code, table, told
from docs.site.options import CONF, SETTING, comments
from tuner.cli import first_comment
from tuner.training import functions, losses
from tuner.training.families import FAMILIES, dropping, penalties


def page() -> str:
    """The page of all models, and of the functions that can take the place of one."""
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
    return markdown.page("Models", *lines)


def link_to_loss(name: str) -> str:
    """A link to a loss on its page."""
    return f"[{name}](losses.md#{name})"
