"""The card of an optimizer as a Markdown page: facts from its source file, and measurements."""

from collections.abc import Iterable, Iterator, Sequence

from tuner.report.rule import Rule
from tuner.study.card import BOWL, PLAIN, STEPS, Card, RatesOnData
from tuner.study.range_result import Ends
from tuner.training.domains import Hyperparameter
from tuner.training.ranges import AS_GOOD, WORTH

# The default values and ranges by hyperparameter, in the form of the config.
Searched = dict[str, object]


def page(card: Card, searched: Searched, elsewhere: Sequence[str] = ()) -> Iterator[str]:
    """The lines of the page.

    Args:
        card: the measurements.
        searched: the default values and ranges of the hyperparameters.
        elsewhere: what other implementations do, in sentences.
    """
    rule = Rule(card.optimizer)
    yield from (f"# {card.optimizer}", "", rule.summary, "", "## Formula", "")
    yield from ("```text", rule.formula, "```", "")
    yield "This is the code that tuner compiles. `theta` are the parameters, `g` is their gradient"
    yield f"and `t` is the number of the step, from 1. Weight decay is {rule.decay}."
    yield from ("", "## Source and conventions", "")
    for text in (*rule.source, *elsewhere):
        yield from (text, "")
    words, session = rule.example
    if session and not rule.is_another:
        yield from (*([words, ""] if words else []), "```text", session, "```", "")
    yield from ("## Hyperparameters", "")
    yield from table(
        ("name", "textbook", "domain", "by default", "meaning"),
        (hyperparameter(rule, own, searched) for own in rule.optimizer.own.values()),
    )
    yield ""
    yield "Those that [all optimizers share](../optimizers.md#around-any-optimizer) come on top."
    yield from ("", "## Loss against rate", "")
    yield f"![Loss against rate]({card.optimizer}-rates.png)"
    yield from ("", *rates_said(card), "")
    yield from table(
        ("data", "best rate", "loss there", "before", "basin", "decades", "worth searching"),
        (on_data(name, own) for name, own in card.data.items()),
    )
    yield from ("", *ranges_said(card), "", "## Descents", "")
    yield f"![Paths on test functions]({card.optimizer}-paths.png)"
    yield ""
    yield f"{STEPS} steps from the usual start of each function, schedule `{card.schedule}`."
    if card.trials > 1:
        yield f"Of {card.trials} settings spread over the default ranges, the lowest end is drawn."
    yield f"The quadratic has the condition number {BOWL['quadratic']['condition_number']:g}."
    yield ""
    yield from table(
        ("function", "settings", "height at the start", "at the end"),
        (
            (
                name,
                ", ".join(f"{key} {number(value)}" for key, value in own.settings.items()),
                number(own.start),
                f"diverged at step {own.left}" if own.left else number(own.value),
            )
            for name, own in card.descents.items()
        ),
    )
    yield from ("", "## Cost", "", *cost_said(card, rule), "")


def hyperparameter(rule: Rule, own: Hyperparameter, searched: Searched) -> tuple[str, ...]:
    """The table row of a hyperparameter."""
    meaning = rule.arguments.get(own.name, "")
    value = ranged(searched.get(own.name, own.default))
    return f"`{own.name}`", number(own.default), str(own.domain), value, meaning


def ranged(value: object) -> str:
    """A value or a range of a config, in words."""
    if isinstance(value, dict) and "low" in value:
        scale = value.get("scale", "linear")
        return f"{number(value['low'])} to {number(value['high'])}, {scale}"
    return number(value) if isinstance(value, float | int) else str(value)


def number(value: object) -> str:
    """A number of at most three digits; a dash for None."""
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def rates_said(card: Card) -> Iterator[str]:
    """How the learning rates were tried."""
    held = ", ".join(f"`{path}` = {number(value)}" for path, value in card.held.items())
    yield f"Model `{card.model}`, batch size {card.batch_size}, {card.epochs} epochs, schedule"
    yield f"`{card.schedule}`, {card.seeds} seeds a rate. The loss is the mean validation loss"
    yield "after the last epoch; the picture divides it by the loss before training. The **basin**"
    yield "is the range of rates around the best one at which the loss falls by at least"
    yield f"{AS_GOOD:.0%} of its fall at the best rate. The range worth searching begins where that"
    yield f"is {WORTH:.0%} and ends where the basin ends. Rates are tried at equal factors, so each"
    yield "end is known to one factor."
    if held:
        yield f"Held: {held}."


def on_data(name: str, own: RatesOnData) -> tuple[str, ...]:
    """The table row of a data set."""
    if own.best is None or own.basin is None or own.worth is None:
        return (name, "none gains", "-", number(own.start), "-", "-", "-")
    below, above = ("at most " if own.open[0] else ""), ("at least " if own.open[1] else "")
    return (
        name,
        number(own.best),
        number(own.lowest),
        number(own.start),
        f"{below}{number(own.basin.low)} to {above}{number(own.basin.high)}",
        f"{'at least ' if any(own.open) else ''}{decades(own.basin):.1f}",
        f"{number(own.worth.low)} to {number(own.worth.high)}",
    )


def decades(ends: Ends) -> float:
    """How many factors of ten lie between two rates."""
    from math import log10

    return log10(ends.high / ends.low)


def ranges_said(card: Card) -> Iterator[str]:
    """The measured ranges, next to the default ones."""
    low, high = number(card.asked.low), number(card.asked.high)
    asked = f"fixed at {low}" if low == high else f"searched from {low} to {high}"
    yield f"By default `lr` is {asked}."
    if card.worth is not None:
        worth = f"from {number(card.worth.low)} to {number(card.worth.high)}"
        yield f"On these data it is worth searching {worth}."
    if card.one is not None:
        yield f"One rate for all of them: {number(card.one.rate)}, which gains at least"
        yield f"{card.one.share:.0%} of what the best rate of each gains."


def cost_said(card: Card, rule: Rule) -> Iterator[str]:
    """What a step costs, in memory and time."""
    if rule.state:
        yield from table(("state", "what"), ((f"`{k}`", v) for k, v in rule.state.items()))
    else:
        yield "It keeps no state."
    yield ""
    yield from table(
        ("parameters", "ns a parameter and step", f"`{PLAIN}`"),
        (
            (words(size), number(ns), number(card.cost.sgd[size]))
            for size, ns in card.cost.own.items()
        ),
    )
    yield ""
    yield "Measured on one thread of one machine; the ratio to `sgd` carries over better than the"
    yield "time."


def words(size: str) -> str:
    """A size of the benchmark as a table cell."""
    return size.replace(" x ", " rows of ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; bars in cells are escaped."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
