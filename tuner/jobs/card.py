"""Make a page on an optimizer: formula, conventions, good rates, paths, cost: in <root>/cards."""

from pathlib import Path
from threading import Event

from tuner.codec import to_json
from tuner.config import Config
from tuner.files import write, write_json
from tuner.report import terminal
from tuner.report.card import decades, number, page
from tuner.report.log import compiling, watching
from tuner.report.notes import COMPILING
from tuner.study.card import Card, Drawn, configs, measure

OUTPUTS = ("text", "json")


def run(config: Config, stop: Event) -> int:
    """Measures each chosen optimizer, and writes a page with two pictures.

    Returns:
        The exit code.

    Raises:
        UserError: before anything is written, for settings that do not fit.
        Interrupted: when `stop` was set; finished pages stay.
    """
    from tuner.report.plots.card import draw_paths, draw_rates

    names = config.space.branches["optimizer"]
    for name in names:
        configs(config, name)
    folder = config.root / "cards"
    threads = config.thread_count
    made: dict[str, Card] = {}
    for name in names:
        card, drawn = measured(config, name, threads, stop)
        folder.mkdir(parents=True, exist_ok=True)
        draw_rates(card, folder / f"{name}-rates.png")
        draw_paths(card, drawn, folder / f"{name}-paths.png")
        write_json(folder / f"{name}.json", to_json(card))
        searched = config.given["optimizer"][name]
        write(folder / f"{name}.md", [f"{line}\n" for line in page(card, searched)])
        made[name] = card
    terminal.show(
        config,
        lambda: {name: to_json(card) for name, card in made.items()},
        terminal.Told(
            [line for card in made.values() for line in said(card, folder)],
            tables={"": rows(made)},
        ),
    )
    return 0


def measured(
    config: Config, optimizer: str, threads: int, stop: Event
) -> tuple[Card, dict[str, Drawn]]:
    """As `measure`, with a progress display."""
    with watching(config) as progress, compiling(progress, COMPILING):
        return measure(config, optimizer, threads, stop, progress)


def said(card: Card, folder: Path) -> list[str]:
    """The result of a card in one line, and its file."""
    if card.one is None:
        told = "no single rate lowers the loss on all data sets"
    else:
        told = f"a rate of {number(card.one.rate)} gains {card.one.share:.0%} or more of the best"
    return [f"{card.optimizer}: {told}: {folder / card.optimizer}.md"]


def rows(made: dict[str, Card]) -> terminal.Table:
    """The basins of the optimizers on the data sets."""
    return (
        ("optimizer", "data", "best rate", "basin", "decades"),
        [
            (
                name,
                data,
                number(own.best),
                f"{number(own.basin.low)} to {number(own.basin.high)}" if own.basin else "none",
                f"{decades(own.basin):.1f}" if own.basin else "",
            )
            for name, card in made.items()
            for data, own in card.data.items()
        ],
    )
