"""A session: the work of one command on its study, with all listeners."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event as Stop

import yaml

from tuner import concluding
from tuner.codec import to_json
from tuner.config import Config
from tuner.files import write
from tuner.processes.background import Background
from tuner.processes.deadline import Deadline, command_began
from tuner.report import files, note, pictures, terminal
from tuner.report.best import BEST
from tuner.report.log import compiling, watching
from tuner.report.notes import COMPILING_MODELS, say
from tuner.search.importance import Importance, importances
from tuner.search.trials import best_of, ranked
from tuner.study import builder, config_changes, edge
from tuner.study.checkpoints import CHECKPOINTS, Checkpoints
from tuner.study.confirmation import Repeating
from tuner.study.data import loaded, named_after, renamed
from tuner.study.decisions import EDGE, MODEL, PICTURES, Decisions
from tuner.study.ending import (
    facts_of,
    plain_result,
    put_ended,
    read_result,
    result_of,
    write_result,
)
from tuner.study.events import (
    Abandoned,
    Began,
    Ended,
    Listener,
    after_each_cohort,
    tell_all,
)  # fmt: skip
from tuner.study.functions import Functions
from tuner.study.introduction import introduction
from tuner.study.loop import Loop
from tuner.study.next_round import write_next_round
from tuner.study.nights import NothingNew, check_new
from tuner.study.numerics import Numerics
from tuner.study.own_ending import OwnEnding
from tuner.study.places import check_place, place_of
from tuner.study.plan import OutOfTime
from tuner.study.populations import Populations
from tuner.study.record import Record
from tuner.study.results import INTERRUPTED, Confirmation, SavedResult, StudyResult, winner_of
from tuner.study.stopping import Stopping
from tuner.study.study import Study
from tuner.study.training import StudyTraining
from tuner.study.trainings import check_cluster, training_of
from tuner.study.trial_files import forget_repeats
from tuner.study.winner import Retraining
from tuner.tracking.command import Tracking
from tuner.tracking.model import TRACKED, UNTRACKED, keep
from tuner.tracking.recorded_study import CONFIRMED
from tuner.tracking.tracker import Tracker
from tuner.training.loop import Interrupted


@contextmanager
def opened(config: Config, stop: Stop) -> Iterator["Session"]:
    """Opens the study of a config, which this process owns until the block ends.

    Raises:
        UserError: for a setting or data that do not fit; before anything is written.
        NothingNew: likewise, if the study would only repeat the last one of its name pattern.
    """
    if config.study.storage is not None:
        place_of(config).exists()  # fails before data are read, if it is unreachable
    config, data = loaded(config)
    config = named_after(config, data)
    folder = config.root / "studies" / config.study.name
    check_place(config)
    place = place_of(config)
    if not place.exists():
        builder.initial(config)
        check_cluster(config)
    if config.job == "tune":
        check_new(config, None if data is None else data.digest)
    threads = config.thread_count
    with (
        place.record() as record,
        training_of(config, data, threads, stop, folder) as training,
    ):
        if config.auto:  # the config depends on the data, so check these first
            builder.check_data(config, record, data)
        # If both the config and the data changed, report the config: that change was intended.
        config_changes.edited(record, config)
        builder.check_data(config, record, data)
        whole = config.budget.deadline
        ends = None if whole is None else command_began() + whole
        deadline = Deadline(config.tracking.patience, stop, ends)
        yield Session(config, record, training, folder, deadline)
        if isinstance(training, Functions) and not stop.is_set():
            forget_repeats(folder)  # the record has their results


def tune(config: Config, stop: Stop) -> int:
    """Runs or continues the study that the config names, and prints the verdict.

    Returns:
        The exit code.

    Raises:
        UserError: for a setting or data that do not fit; before anything is written.
        Interrupted: if `stop` was set; after everything is closed.
    """
    try:
        with opened(config, stop) as session:
            code = concluding.end(session, session.tune())
            session.stop_if_asked()
            return code
    except NothingNew as night:
        last, said = night.last, night.said
    if not config.promote.enabled:
        terminal.show(config, lambda: plain_result(last), terminal.Told([said]))
        return 0
    say(config, said)
    # The promotion of that night may have been interrupted, or the server may have been down.
    with opened(renamed(config, last.result.study), stop) as session:
        return concluding.end(session, session.saved() or last)


class Session:
    """One command's work on a study.

    Args:
        config: the study's config.
        record: the study's record, which this process owns.
        training: trains the study's trials.
        folder: the study's folder.
        deadline: how long the end of the command waits for MLflow and for child processes.
    """

    def __init__(
        self,
        config: Config,
        record: Record,
        training: StudyTraining,
        folder: Path,
        deadline: Deadline,
    ) -> None:
        self.config, self.record, self.training, self.folder = config, record, training, folder
        self.deadline = deadline
        self.tracking = Tracking(config, record, training.goal, folder, deadline, note.text)
        self.started = time.monotonic()
        # The folder may hold checkpoints of a study that was deleted from the database.
        of = self.tracking.key if config.study.storage else ""
        self.checkpoints = Checkpoints(folder / CHECKPOINTS, config.checkpoint.seconds, of=of)
        self.open()

    def open(self) -> None:
        """Reads the study from its record."""
        self.study = builder.open_study(self.config, self.record)
        if isinstance(self.training, Functions):
            trained = any(result.epochs for result in self.study.results())
            self.training.failures.yielded = trained
        self.decisions = Decisions(self.config, self.study, self.training, command_began())
        self.repeating = Repeating(
            self.study, self.training, self.config.study.seed, self.checkpoints
        )

    @property
    def parts(self) -> tuple[Config, Study, StudyTraining]:
        """The arguments from which a result is made."""
        return self.config, self.study, self.training

    @property
    def result_file(self) -> Path:
        """The file of the result."""
        return self.folder / "result.json"

    def tune(self) -> SavedResult:
        """Runs or continues the study; returns its result, also after an interruption."""
        self.take_up()
        stopping = Stopping(
            builder.limits(self.config),
            self.study,
            self.training,
            self.config.study.seed,
            checkpoints=self.checkpoints,
            plan=self.decisions.plan,
        )
        stopped, saved = stopping.reason(), self.saved()
        ended = saved is not None and not saved.result.interrupted
        if not ended:
            self.decisions.take_up()
        if stopped and saved is not None and ended and not saved.result.left_out:
            say(self.config, f"Study {self.config.study.name} is finished: {stopped}.")
            return self.tracking.catch_up(saved)
        own = self.config
        if self.study.finished:
            check_cluster(own)
        say(own, *introduction(own, self.training.data, self.study.finished))
        config_file = self.folder / "config.yaml"
        write(config_file, [yaml.safe_dump(self.config.plain, sort_keys=False)])
        with self.tracking.opened([config_file]) as tracker:
            return self.work(stopping, tracker)

    def take_up(self) -> None:
        """Begins or continues the study, and says which trials count.

        Raises:
            UserError: if the study was begun with a config that does not fit this one.
        """
        changed = config_changes.edited(self.record, self.config)
        if changed:
            # Its best trial may no longer count.
            self.result_file.unlink(missing_ok=True)
            (self.folder / BEST).unlink(missing_ok=True)
            self.record.put(config_changes.KEY, config_changes.kept(self.config))
            say(self.config, self.study.refitted())
        if builder.INITIAL not in self.record:
            trials, line = builder.initial(self.config)
            self.record.put(builder.INITIAL, [to_json(trial) for trial in trials])
            self.open()
            if line:
                say(self.config, line)

    def work(self, stopping: Stopping, tracker: Tracker | None) -> SavedResult:
        """Trains, judges and writes the result; an interrupted study has no winner."""
        own = self.config
        builder.other_numerics(self.record)
        modules, host = (UNTRACKED, None) if tracker is None else (TRACKED, tracker.host)
        saves = self.training.data is not None
        background = Background(modules, host) if saves else nullcontext()
        listeners: list[Listener] = []
        with background as saving:
            try:
                with watching(own, self.training.goal, own.budget.trials) as progress:
                    listeners += [progress, *([tracker] if tracker else [])]
                    self.notes_to(progress.note)
                    keeping = None
                    if isinstance(self.training, Functions):
                        keeping = OwnEnding(self.training, self.study, self.folder)
                        listeners.append(keeping)
                    if saving is not None:
                        # Not earlier, so that the first trials have all cores.
                        listeners.append(after_each_cohort(saving.prepare))
                    tell = tell_all(listeners)
                    with compiling(progress, COMPILING_MODELS) as compiled:
                        if self.decisions.plan is not None:
                            self.decisions.plan.compiling = compiled.seconds
                        tell(Began(self.study.results()))
                        tell(Abandoned(self.study.give_up_stranded()))
                        stopped = self.decisions.decided.stopped or self.decisions.stopped(
                            self.loop(stopping, tell).run()
                        )
                    important = self.importances(saving)
                    confirmed = self.confirm(tell)
                    self.run_at_edge(confirmed, tell)
                    others = builder.other_numerics(self.record, self.others())
                    result = result_of(*self.parts, stopped, confirmed)
                    idle = saving if saving is not None and saving.idle else None
                    if result.winning is not None and saving is not None:
                        result = self.judged(result, saving, others, tell)
                    if keeping is not None:
                        keeping.unconfirmed = self.unconfirmed(result)
                        result = keeping.ended(result, self.repeating.judged, tell)
                    drawing = self.decisions.has_time(PICTURES, after=True)
                    result = self.decisions.told(result, self.study.finished)
                    self.stop_if_asked()
            except Interrupted:
                self.deadline.left()  # starts the deadline, which includes the pictures
                result, drawing = result_of(*self.parts, INTERRUPTED), True
                idle, important = None, tuple
            drawn = self.study.drawn_curves(result.goal.curve)
            if drawing:
                draw = pictures.draw if idle is None else partial(idle.begin, pictures.draw)
                draw(result, drawn, self.folder)
            result = replace(result, importances=important())
            space, times = self.study.space, self.study.times()
            files.write(result, drawn, self.folder, space, times, drawing)
            write_next_round(self.config, result, self.folder)
            while not result.interrupted and saving is not None and saving.begun:
                saving.result(self.deadline)
            tell_all(listeners)(Ended(result))
        link = tracker.link() if tracker else None
        facts = facts_of(self.started, self.training.threads, self.tracking.key, link)
        saved = SavedResult(result, facts, builder.state(self.config, self.study))
        write_result(self.result_file, saved)
        put_ended(self.record, result)
        if tracker is not None:
            self.tracking.over(tracker, result.interrupted)
        return saved

    def notes_to(self, note: Callable[[str], None]) -> None:
        """Sets where the study's workers, if any, report their number."""
        if isinstance(self.training, Populations) and self.training.pool is not None:
            self.training.pool.note = note

    def others(self) -> list[Numerics]:
        """The versions and hardware that the study's workers compute with."""
        own = self.training
        return own.pool.numerics if isinstance(own, Populations) and own.pool is not None else []

    def stop_if_asked(self) -> None:
        """Raises Interrupted if the command was told to stop; the next command does the rest."""
        if self.training.stop.is_set():
            raise Interrupted

    def loop(self, stopping: Stopping, tell: Listener) -> Loop:
        """The study loop of this command."""
        own = self.config.study
        pruner = self.config.pruner.of(own.name)
        return Loop(self.study, self.training, pruner, stopping, own.cohort, tell, self.checkpoints)

    def importances(self, saving: Background | None) -> Callable[[], tuple[Importance, ...]]:
        """Starts to compute the importances in the background; returns what waits for them."""
        given = self.study.results(), self.config.space.searched, self.config.study.seed
        if saving is None:
            return partial(importances, *given)
        saving.prepare()  # in case no cohort ended in this command
        saving.begin(importances, *given)
        return lambda: saving.result(self.deadline.anew())

    def confirm(self, tell: Listener) -> Confirmation | None:
        """Trains the top trials again on fresh seeds; None if nothing is to be confirmed."""
        results, decisions = self.study.results(), self.decisions
        share = decisions.share(results, tell) if self.training.has_seeds else None
        if share is None:
            return None
        top, guarded = ranked(results)[: share.top], decisions.guarded(tell)
        try:
            confirmed = self.repeating.confirmation(top, share.seeds, guarded, share.textbook)
        except OutOfTime:
            self.checkpoints.clear()
            decisions.gave_up()
            return None
        self.record.put(CONFIRMED, to_json(confirmed))
        tell(confirmed)
        return confirmed.confirmation

    def unconfirmed(self, result: StudyResult) -> bool:
        """Whether a requested confirmation is missing, and there is time to train the winner."""
        winner, asked = result.winning, self.config.confirm.most_top
        if winner is None or not asked or result.confirmation is not None:
            return False
        return self.decisions.has_time(MODEL, self.decisions.again(winner.settings))

    def run_at_edge(self, confirmed: Confirmation | None, tell: Listener) -> None:
        """Trains the winner briefly at higher rates for the audit, if the audit needs it."""
        if not isinstance(self.training, Populations):
            return
        results, of = self.study.results(), (self.config, self.training, self.study)
        best = winner_of(self.training.goal, best_of(results), confirmed, results)
        for winner in (t for t in results if best is not None and t.number == best.number):
            if edge.wanted(*of, winner, confirmed) and self.decisions.has_time(
                EDGE, self.decisions.work(winner.settings) * edge.epochs_of(self.training)
            ):
                edge.run_at_edge(*of[:2], self.record, winner, self.checkpoints, tell)

    def judged(
        self, result: StudyResult, saving: Background, others: str, tell: Listener
    ) -> StudyResult:
        """Adds the winner's test scores to the result, and starts to save the winner.

        Args:
            result: a result with a winner.
            saving: the process that saves the winner.
            others: the versions or hardware that differ from this process's, in words, or "".
            tell: receives the events of the training.
        """
        assert result.winning is not None
        assert isinstance(self.training, Populations)
        units = self.decisions.again(result.winning.settings)
        if not self.decisions.has_time(MODEL, units):
            shutil.rmtree(self.folder / "model", ignore_errors=True)  # an earlier winner's
            return result
        again = Retraining(self.training, result.winning, not others, tell)
        tracked = self.config.tracking.name != "none"
        saving.begin(keep, again.trained(), self.folder / "model", tracked)
        notes = (
            [f"the study was trained with other versions or hardware ({others})"] if others else []
        )
        told = (*notes, *again.notes)
        return replace(result, test=again.test(), failed_refit=again.failed, notes=told)

    def saved(self) -> SavedResult | None:
        """The stored result, if it was made from the current record."""
        return read_result(self.result_file, builder.state(self.config, self.study))
