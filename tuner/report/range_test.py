"""The text of a range test."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner.search.initial_trials import default
from tuner.study.range_result import FoundRange, SavedRangeTest, Spread, TestedRates, three_digits

WORDS = {"validation_loss": "validation loss", "train_loss": "training loss"}


def headline(saved: SavedRangeTest) -> list[str]:
    """What was tested and, per optimizer, a line with the suggested rate and range."""
    lines = [_subject(saved)]
    for name, tested in saved.result.optimizers.items():
        if isinstance(tested, FoundRange):
            span = f"{tested.range.low:.3g} to {tested.range.high:.3g}"
            lines.append(f"{name}: suggested rate {tested.suggested:.3g}, worth searching {span}")
        else:
            lines.append(f"{name}: no run ended below its initial loss")
    return lines


def describe(saved: SavedRangeTest, place: Path) -> str:
    """The verdict, as text of several lines.

    Args:
        saved: the saved test.
        place: its folder, `<root>/studies/<study>/range`.
    """
    result, lines = saved.result, [_subject(saved)]
    if result.held:
        lines.append("Searched settings were fixed:")
    for path, value in result.held.items():
        source = "textbook" if value == default(path) else "as near as its range allows"
        source = "the middle" if default(path) is None else source
        shown = f"{value:.4g}" if isinstance(value, float) else value
        lines.append(f"    {path} = {shown} ({source})")
    for name, tested in result.optimizers.items():
        if isinstance(tested, FoundRange):
            lines += _found(name, tested, result.epochs, result.longer)
        else:
            lines += _nothing(name, tested)
    lines.append(f"Pictures and all numbers: {place}")
    if result.found:
        root = place.parents[2]
        setting = "" if str(root) == "mlruns" else f", with root={root}"
        lines.append(
            f"To tune within what was found, add +range={result.study} to the command that "
            f"tunes{setting}."
        )
    return "\n".join(lines)


def _subject(saved: SavedRangeTest) -> str:
    subject = saved.subject
    what = subject.model if subject.data == "none" else f"{subject.model} on {subject.data}"
    return f"Range test of study {saved.result.study}: {what}, schedule {subject.schedule}."


def _tried(tested: TestedRates) -> str:
    rates, seeds, asked = tested.rates, len(tested.initial), tested.asked
    wider = (asked.low, asked.high) != (rates[0], rates[-1])
    first = f", at first from {asked.low:.3g} to {asked.high:.3g}" if wider else ""
    return f"{len(rates)} rates from {rates[0]:.3g} to {rates[-1]:.3g}{first}, {seeds} seeds each"


def _nothing(name: str, tested: TestedRates) -> Iterator[str]:
    """The lines on an optimizer that gained at no rate, with advice on which rates to try."""
    yield f"{name}: no run ended below its initial loss: {_tried(tested)}."
    word, low, high = "lower", tested.rates[0] / 1e4, tested.rates[0]
    if tested.open[1]:
        word, low, high = "higher", tested.rates[-1], tested.rates[-1] * 1e4
    yield (
        f"    Try {word} rates: 'optimizer.{name}.lr={{low: {low:.3g}, high: {high:.3g}, "
        "scale: log}'"
    )


def _found(name: str, found: FoundRange, epochs: int, longer: int) -> Iterator[str]:
    yield f"{name}: {_tried(found)}, {epochs} epochs"
    yield f"    suggested rate {found.suggested:.3g}"
    yield f"        {_confirmed(found, longer)}"
    yield f"    worth searching {found.range.low:.3g} to {found.range.high:.3g}"
    yield f"        {_by_seed(found.spread)}"
    yield (
        f"    the loss falls most at {found.bracket.steepest:.3g}; up to "
        f"{found.bracket.stable:.3g} every run ended below its initial loss"
    )
    rules = ", ".join(f"{rule} {_span(values)}" for rule, values in found.ramp.rules.items())
    yield f"    for comparison, a ramp of {len(found.ramp.rates)} steps suggests: {rules}"
    sides = (("below", "lowest", "low"), ("above", "highest", "high"))
    for (side, place, hint), end, is_open in zip(sides, (0, -1), found.open, strict=True):
        if is_open:
            yield (
                f"    The loss does not rise {side} this range: {found.rates[end]:.3g} "
                f"is the {place} rate tried: give a {hint}er optimizer.{name}.lr.{hint}, "
                "or a larger range.widen."
            )


def _confirmed(found: FoundRange, longer: int) -> str:
    """The results of the longer runs at the suggested rate and around it."""
    c = found.confirmation
    means = ", ".join(
        f"diverged at {rate:.3g}" if mean is None else f"{mean:.4g} at {rate:.3g}"
        for rate, mean in zip(c.rates, c.means, strict=True)
    )
    stays = found.suggested == three_digits(c.rates[1])
    why = "no other rate is better" if stays else "it is better"
    return f"{longer} epochs on fresh seeds: {WORDS[c.measure]} {means}: {why} under every seed"


def _by_seed(spread: Spread) -> str:
    """How far the results of single seeds differ."""
    return (
        f"by single seeds: lower end {_span(spread.low)}, upper end {_span(spread.high)}, "
        f"suggestion {_span(spread.suggested)}"
    )


def _span(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "nothing"
    low, high = f"{min(known):.3g}", f"{max(known):.3g}"
    return low if low == high else f"{low} to {high}"
