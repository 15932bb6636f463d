"""Print a study's winner as code: an estimator, a call, a PyTorch optimizer, or a config."""

from threading import Event

from tuner.config import Config
from tuner.config.from_settings import grouped
from tuner.config.saved import of_study
from tuner.config.schema import KEYS
from tuner.config.space import space_of
from tuner.errors import UserError, printable
from tuner.report import best
from tuner.report.export import function_code, python_code, torch_code
from tuner.search.trials import Trial
from tuner.study.data import load_data
from tuner.study.ending import read_result
from tuner.study.populations import Populations, model_settings
from tuner.study.results import StudyResult

# The keys taken from this command; all others come from the study.
OWN = ("job", "root", "threads", "format", "quiet", "output")

# Settings of models that affect training but are not part of the optimizer.
BESIDE = ("l1", "l2", "dropout")


def run(config: Config, stop: Event) -> int:
    """Prints the code of the named study's winner, and nothing else.

    All keys but OWN come from the study's own config.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study, one without a winner, and a winner that the format cannot
            express.
    """
    config = of_study(config, OWN)
    name = config.study.name
    saved = read_result(config.root / "studies" / name / "result.json")
    if saved is None or saved.result.winner is None:
        raise UserError(f"study.name: {name}: has no winner yet: finish the study first")
    result = saved.result
    if config.function is not None and config.format != "yaml":
        own = {"python": function_code.python_text, "torch": function_code.torch_text}
        assert result.winning is not None
        print(own[config.format](title(result), config, result.winning), end="")
        return 0
    texts = {"yaml": lambda c, r, s: best.text(r), "torch": torch_text, "python": python_text}
    print(texts[config.format](config, result, stop), end="")
    return 0


def torch_text(config: Config, result: StudyResult, stop: Event) -> str:
    """The winner's optimizer and its learning rates as PyTorch code.

    Raises:
        UserError: if PyTorch has no equivalent.
    """
    trial = winner(config, result)
    settings = trial.settings
    with Populations(config, load_data(config), config.threads or 1, stop) as training:
        member = training.member(trial)
        training.refit &= training.folds > 1 or not result.failed_refit
        length, total = training.kept_length(settings, stops_at(result))
        trainer = training.kept_trainer(settings, total)
        epoch = trainer.problem.steps
        steps = torch_code.Steps(
            optimizer=member.optimizer,
            settings=member.settings,
            schedule=member.schedule,
            schedule_settings=member.schedule_settings,
            total=trainer.total_steps,
            epoch=epoch,
            batch_size=settings["batch_size"] if training.has_seeds else None,
            taken=length * epoch if length < total else None,
        )
    own = model_settings(settings)
    others = {f"model.{settings['model']}.{key}": own[key] for key in BESIDE if own.get(key)}
    if config.data.target_transform is not None:
        others["data.target_transform"] = config.data.target_transform
    return torch_code.text(title(result), steps, others)


def python_text(config: Config, result: StudyResult, stop: Event) -> str:
    """Code that fits tuner's estimator to the study's data.

    Raises:
        UserError: for a test function, for which there is no estimator.
    """
    from tuner.estimators.trained import estimator_of
    from tuner.training.problems import Supervised

    trial = winner(config, result)
    settings = trial.settings
    with Populations(config, load_data(config), config.threads or 1, stop) as training:
        training.refit &= training.folds > 1 or not result.failed_refit
        length, total = training.kept_length(settings, stops_at(result))
        problem = training.kept_trainer(settings, total).problem
        if not isinstance(problem, Supervised):
            raise UserError(
                f"study.name: {config.study.name}: is a study of a function, which no estimator "
                "learns: "
                "give format=yaml or torch"
            )
        member = training.member(trial)
        stop_after = length if length < total else None
        estimator = estimator_of(problem, member, total, training.task, stop_after)
        if training.task == "regression":
            estimator.set_params(target_transform=config.data.target_transform)
        asked = config.data.model_dump(exclude_none=True)
        data = {**asked, "seed": config.study.seed, "dtype": config.dtype}
        values = "data.target.values"
        single = training.task == "regression" and training.data_for(problem.loss).outputs == 1
        targets = f"{values}[:, 0]" if single else values
        whole = training.refit or training.folds > 1
        return python_code.text(title(result), estimator, data, whole, targets)


def stops_at(result: StudyResult) -> int | None:
    """The epoch at which the winner's value was taken; None for its last."""
    return None if result.winning is None else result.winning.stops_at


def winner(config: Config, result: StudyResult) -> Trial:
    """The winner as a trial.

    Raises:
        UserError: if its settings are invalid, as in a file that tuner did not write.
    """
    assert result.winning is not None
    problems: list[str] = []
    given = dict.fromkeys(KEYS) | grouped(result.winning.settings)
    space = space_of(given, problems)
    if problems or space.searched:
        said = (*problems, f"{next(iter(space.searched), '')}: is not a number")[0]
        raise UserError(f"study.name: {config.study.name}: its result.json is damaged: {said}")
    return Trial(result.winning.number, space.fixed, 0)


def title(result: StudyResult) -> str:
    """A sentence about the winner, which names the study."""
    found, where = result.winner, " on fresh seeds" if result.confirmation else ""
    assert found is not None
    value = "not finite" if found.value is None else f"{found.value:.6g}"
    line = f"The winner of tuner's study {result.study}, trial {found.number}: "
    # It becomes a string literal in code, and its file may be untrusted.
    said = printable(f"{line}{result.goal.name} {value}{where}.")
    return said.replace("\\", "/").replace('"', "'")
