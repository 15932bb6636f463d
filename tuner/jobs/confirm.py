"""Confirm: train the best trials of a finished study, or any trials, again on fresh seeds."""

from collections.abc import Sequence
from threading import Event

from tuner import session
from tuner.codec import to_json
from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import UserError
from tuner.files import write_json
from tuner.report import confirmation, terminal
from tuner.report.claim import claim_of
from tuner.report.log import compiling, watching
from tuner.report.notes import COMPILING
from tuner.search.trials import TrialResult, ranked
from tuner.study.natural import natural_confirmation
from tuner.study.results import Confirmation, StudyResult

OUTPUTS = ("text", "json")

# The keys taken from this command; all others come from the study.
OWN = ("job", "root", "threads", "confirm")
# The key that the study keeps, because its result rests on its own confirmation.
STUDYS = "confirm"


def run(config: Config, stop: Event) -> int:
    """Confirms trials of the named study, and prints the result.

    All keys but OWN come from the study's own config.

    Raises:
        UserError: for an unknown study or trial.
        Interrupted: when `stop` was set; what was running is lost.
    """
    given, config = config, of_study(config, OWN)
    if config.data.name == "none" and config.function is None:
        raise UserError(
            f"study.name: {config.study.name}: is a study of a function, which uses no seeds"
        )
    of = of_study(given, [key for key in OWN if key != STUDYS])
    with session.opened(of, stop) as opened:
        trials = chosen(config, opened.study.results())
        seeds = config.confirm.most_seeds
        with (
            watching(config) as progress,
            compiling(progress, COMPILING),
        ):
            confirmed = opened.repeating.confirmation(trials, seeds, progress)
        found, goal = confirmed.confirmation, opened.training.goal
        path = opened.folder / "confirmation.json"
        plain = to_json(natural_confirmation(goal, found))
        write_json(path, plain)
        with opened.tracking.opened() as tracker:
            if tracker is not None:
                opened.tracking.confirm_too(confirmed)
                tracker(confirmed)
                tracker.add_artifacts([path])
        (winner,) = [t for t in opened.study.results() if t.number == found.winner]
        made = claim_of(found, winner.is_default)
        saved = opened.saved()
        told = terminal.Told(
            headline=[
                *beside(found, None if saved is None else saved.result, config),
                *confirmation.headline(found, goal, made),
            ],
            evidence=[
                *confirmation.ranking(found, goal),
                confirmation.worth(found, goal),
                *confirmation.over_defaults(found, goal),
                f"All numbers: {path}",
            ],
            style=terminal.DOUBTFUL if made.is_doubtful else terminal.SURE,
        )
        terminal.show(config, lambda: plain, told)
    return 0


def beside(found: Confirmation, result: StudyResult | None, config: Config) -> list[str]:
    """How this confirmation relates to the study's own result, which stays as it is.

    Args:
        found: the confirmation.
        result: the study's result; None if it has none for all its trials.
        config: the command's config; it says what to add to the study's command to make this
            confirmation the study's own.
    """
    lines, own = [], None if result is None else result.winner
    if own is None:
        return ["The study has no winner yet, and this does not choose one."]
    if own.number != found.winner:
        lines.append(f"Here the winner is trial {found.winner}; the study's is trial {own.number}.")
    kept = "The study's result stays as it is"
    if result is not None and result.test:
        kept += f": the saved model and the test score are those of trial {own.number}"
    if config.confirm.trials is None:
        asked = f"confirm.top={config.confirm.most_top} confirm.seeds={found.seeds}"
        kept += f"; to make this its verdict, add {asked} to the command that ran the study"
    return [*lines, f"{kept}."]


def chosen(config: Config, results: Sequence[TrialResult]) -> list[TrialResult]:
    """The requested trials, or the best ones.

    Raises:
        UserError: if there are none.
    """
    name, asked = config.study.name, config.confirm.trials
    if asked is None:
        if top := ranked(results)[: max(1, config.confirm.most_top)]:
            return top
        raise UserError(f"study.name: {name}: none of its trials trained to the end")
    known = {result.number: result for result in results}
    for number in asked:
        if number not in known:
            there = f"0 to {max(known)}" if known else "none yet"
            raise UserError(f"confirm.trials: {number}: study {name} has no such trial: {there}")
    if len(set(asked)) < len(asked) or not asked:
        raise UserError(f"confirm.trials: {asked}: must name one trial or more, each once")
    return [known[number] for number in asked]
