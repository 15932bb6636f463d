"""Decisions: what a command omits for lack of time, recorded so that a kill changes nothing.

With `budget.deadline`, the time left decides when the search ends, what is confirmed and what is
left out. A study that continues before it has a result follows the recorded decisions. Once it has
its result they no longer apply, and the next command decides anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tuner.codec import Settings, to_json
from tuner.config import Config
from tuner.processes.deadline import slowness
from tuner.search.trials import TrialResult, ranked
from tuner.study.builder import state
from tuner.study.events import Event, Listener, StageBegan
from tuner.study.plan import KEY, OutOfTime, Plan
from tuner.study.results import StudyResult
from tuner.study.sharing import SHARE, Share, asked, chosen
from tuner.study.study import Study
from tuner.study.training import StudyTraining
from tuner.study.work import little, searched, work_of

# The parts that may be left out, in words.
CONFIRMATION, EDGE = "the confirmation", "the audit's short runs at higher rates"
MODEL, PICTURES = "the model and its test scores", "the pictures and the report"


@dataclass(frozen=True)
class Decided:
    """What was decided for lack of time.

    Attributes:
        of: the digest of the trials and of the request (`builder.state`) that the decisions hold
            for.
        stopped: why the search ended early; "" if it had time.
        shared: whether the confirmation was decided: `share`, or None for no confirmation.
        left_out: what else was left out, in words.
    """

    of: str = ""
    stopped: str = ""
    shared: bool = False
    share: Share | None = None
    left_out: tuple[str, ...] = ()


class Decisions:
    """Decides how much of its config's work a command does.

    Args:
        config: the study's config.
        study: the study.
        training: the study's training.
        began: when the command began, by time.monotonic.
    """

    def __init__(self, config: Config, study: Study, training: StudyTraining, began: float) -> None:
        self.config, self.record, self.training = config, study.record, training
        self.work = work_of(training)
        self.plan: Plan | None = None
        self.study, self.decided = study, Decided()
        # A remark about the confirmation: one sentence or none.
        self.notes: tuple[str, ...] = ()
        if config.budget.deadline is not None:
            self.plan = Plan(
                config.budget.deadline,
                began,
                self.work,
                training.epochs,
                config.confirm,
                # Rows that train together share the threads and the fixed cost of a step, hence 3
                # or more.
                config.workers if config.function else max(3, training.threads),
                config.tracking.name != "none",
                config.promote.enabled,
                slowness(),
            )

    def take_up(self) -> None:
        """Resumes an earlier command's decisions if they hold for today's trials and config."""
        known = None if self.plan is None else self.record.get(KEY, Decided)
        if known is not None and known.of == state(self.config, self.study):
            self.decided = known

    def put(self, decided: Decided) -> None:
        """Records decisions."""
        self.decided = replace(decided, of=state(self.config, self.study))
        self.record.put(KEY, to_json(self.decided))

    def stopped(self, why: str) -> str:
        """Called when the search has ended; records an end for lack of time. Returns the reason."""
        if self.plan is not None and why.startswith(KEY):
            self.put(replace(self.decided, stopped=why))
        return why

    def share(self, results: Sequence[TrialResult], tell: Listener) -> Share | None:
        """Decides what is confirmed.

        Args:
            results: the results of all trials.
            tell: receives a remark if less is confirmed than the config asks for.
        """
        of, best = self.config.confirm, ranked(results)
        allowed = max(SHARE * searched(results, self.work), little(self.training))
        wanted = chosen(of, best, self.training.epochs, self.work, allowed)
        self.notes = tuple(self.shortened(wanted, len(best)))
        for note in self.notes:
            tell(StageBegan(note))
        if self.plan is None:
            return wanted
        if not self.decided.shared:
            share = self.plan.share(wanted, results)
            decided = replace(self.decided, shared=True, share=share)
            if wanted is not None and share is None:
                decided = replace(decided, left_out=(*decided.left_out, CONFIRMATION))
            elif wanted is not None and share is not None and share != wanted:
                less = f"part of the confirmation ({share.said} in place of {wanted.said})"
                decided = replace(decided, left_out=(*decided.left_out, less))
            self.put(decided)
        return self.decided.share

    def shortened(self, wanted: Share | None, trials: int) -> list[str]:
        """A remark if a third of the search's work does not cover the requested confirmation."""
        most = asked(self.config.confirm)
        if most is None or not trials:
            return []
        most = replace(most, top=min(most.top, trials))
        if wanted == most:
            return []
        what = "no confirmation" if wanted is None else wanted.said
        more = f"confirm.top={most.top} confirm.seeds={most.seeds} asks for more"
        return [f"a third of the search's work pays for {what}; {more}"]

    def guarded(self, tell: Listener) -> Listener:
        """A listener that interrupts the running work when the ending needs the remaining time.

        Raises:
            OutOfTime: from within the listener.
        """
        plan = self.plan
        if plan is None:
            return tell

        def listen(event: Event) -> None:
            tell(event)
            if plan.left < plan.ending():
                raise OutOfTime

        return listen

    def gave_up(self) -> None:
        """Records that there was no time to complete the confirmation."""
        others = [own for own in self.decided.left_out if "confirmation" not in own]
        self.put(replace(self.decided, share=None, left_out=(*others, CONFIRMATION)))

    def has_time(self, what: str, units: float = 0.0, after: bool = False) -> bool:
        """Whether there is time for a part; if not, the part is recorded as left out.

        Args:
            what: the part, in words.
            units: the work that it takes.
            after: whether it is the pictures, after which only the result is reported.
        """
        if self.plan is None:
            return True
        if what not in self.decided.left_out:
            if self.plan.left > self.plan.drawing if after else self.plan.affords(units):
                return True
            self.put(replace(self.decided, left_out=(*self.decided.left_out, what)))
        return False

    def again(self, settings: Settings) -> float:
        """The work of training one trial again, alone."""
        return 0.0 if self.plan is None else self.plan.again(self.work(settings))

    def told(self, result: StudyResult, finished: int) -> StudyResult:
        """The result with what was left out, and the remarks about the confirmation.

        Args:
            result: the study's result.
            finished: the number of trials that the study has.
        """
        notes = (*result.notes, *self.notes)
        return replace(result, left_out=self.left_out(finished), notes=notes)

    def left_out(self, finished: int) -> tuple[str, ...]:
        """Everything that was left out, in words.

        Args:
            finished: the number of trials that the study has.
        """
        trials = self.config.budget.trials
        searched = f"{trials - finished} of {trials} trials"
        cut = [searched] if self.decided.stopped and finished < trials else []
        return (*cut, *self.decided.left_out)
