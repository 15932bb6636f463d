"""The words and the pictures of a comparison tell whatever was measured."""

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.image import imread

from tuner.report.comparison import evidence, headline, is_doubtful, tables
from tuner.report.plots.comparison import draw_best_of_k, draw_profiles
from tuner.report.terminal import Told, plain
from tuner.search.statistics import Interval
from tuner.search.trials import Goal
from tuner.study.comparison_result import BranchResult, Comparison, Comparisons, Profiles
from tuner.study.results import Repeated


def repeated(trial: int, mean: float | None, worse: float | None = None) -> Repeated:
    known = None if mean is None else Interval(mean, mean - 0.1, mean + 0.1)
    more = None if worse is None else Interval(worse, worse - 0.02, worse + 0.02)
    return Repeated(trial, None, mean, (mean,), int(mean is None), known, more)


def branch(mean: float | None, default: float | None, worse: float | None = None) -> BranchResult:
    book = None if default is None else repeated(9, default, 0.3)
    return BranchResult(9, 1, 0, repeated(1, mean, worse), False, book, 3, None)


def comparison(defaults: tuple[float | None, float | None] = (0.5, 0.7)) -> Comparison:
    best = [1 / k for k in range(1, 10)]
    bars = {k: Interval(1 / k, 0.9 / k, 1.2 / k) for k in (1, 2, 4)}
    none = BranchResult(0, 0, 4, None, False, None, None, None)
    return Comparison(
        study="mine",
        epochs=4,
        seeds=3,
        goal=Goal(),
        target=0.25,
        curves={"a": tuple(best), "b": tuple(best[:1]), "none": ()},
        bars={"a": bars, "b": {}, "none": {}},
        budgets=(1, 2, 4),
        winners=("a", "b", "b"),
        branches={"a": branch(0.2, defaults[0]), "b": branch(0.4, defaults[1], 0.2), "none": none},
        stopped="it was interrupted",
        seconds={"a": 0.5},
    )


@pytest.mark.parametrize("defaults", [(0.5, 0.7), (0.5, 0.5), (None, None)])
@pytest.mark.slow
def test_curves_of_any_length_are_drawn(
    defaults: tuple[float | None, float | None], tmp_path: Path
) -> None:
    file = tmp_path / "best.png"
    draw_best_of_k(comparison(defaults), "model", "f(x)", file)
    assert imread(file)[..., :3].std() > 0.05


@pytest.mark.slow
def test_a_score_is_drawn_as_it_is_read(tmp_path: Path) -> None:
    higher = replace(comparison(), goal=Goal("validation_accuracy", True))
    draw_best_of_k(higher, "model", "f(x)", tmp_path / "best.png")
    assert imread(tmp_path / "best.png")[..., :3].std() > 0.05


def test_profiles_are_drawn_though_nobody_solves_anything(tmp_path: Path) -> None:
    for i, ratios in enumerate([{"a": (1.0, 3.0), "b": (2.0, None)}, {"a": (None,)}]):
        file = tmp_path / f"{i}.png"
        draw_profiles(Profiles(("x", "y"), {}, ratios), "model", file)
        assert imread(file)[..., :3].std() > 0.02


def described(comparisons: Comparisons, folder: str) -> str:
    """All that is told of it, as it stands in a pipe."""
    told = Told(
        headline(comparisons, {}), tables(comparisons), evidence(comparisons, {}, Path(folder))
    )
    return "\n".join(plain(told))


def test_a_comparison_is_told_in_a_headline_a_table_and_sentences() -> None:
    text = described(Comparisons("model", {"iris": comparison()}, None), "root/studies/mine")
    for words in (
        "Models on iris: 0 to 9 trials each, 4 epochs a trial; loss on 3 fresh seeds:",
        "  a     0.2 (0.1 to 0.3)",
        "0.300 +- 0.020",
        "none ended: 4 diverged, 0 pruned",
        "until the mean reaches 0.25",
        "the study stopped before its last trial: it was interrupted",
        "2 trials were pruned",
        "Models on iris: a (trial 1, loss 0.2 (0.1 to 0.3)) is the best once tuned, by",
        "Tuning a is better than the textbook settings (trial 9) by 0.300 +- 0.020.",
        "Diverged: none 4 of 0.",
        "expected best of k trials: a for k = 1; b for k = 2, 4",
        "Pictures and all numbers: root/studies/mine",
    ):
        assert words in text, words


def test_several_data_sets_are_told_with_their_profiles() -> None:
    shares = {"a": (0.5, 1.0, 1.0), "b": (0.5, 0.5, 0.5), "none": (0.0, 0.0, 0.0)}
    both = {"iris": comparison(), "wine": replace(comparison(), study="other")}
    profiles = Profiles(("iris", "wine"), shares, {})
    text = described(Comparisons("model", both, profiles), "root/studies/all")
    assert text.startswith("Models on iris: a (")
    assert "Over 2 data sets" in text
    assert "a      1 of 2   2 of 2                 2 of 2" in text
    assert text.endswith("root/studies/mine, root/studies/other, root/studies/all")


def test_a_best_branch_is_best_by_more_than_noise_only_where_its_interval_says_so() -> None:
    for worse, said in ((0.2, "by more than noise"), (0.01, "within the noise of b")):
        branches = {"a": branch(0.2, 0.5), "b": branch(0.4, 0.7, worse)}
        own = Comparisons("model", {"iris": replace(comparison(), branches=branches)}, None)
        first, *_ = headline(own, {})
        assert said in first
        assert is_doubtful(own) == (worse < 0.02)


def test_of_many_data_sets_the_headline_still_has_six_lines() -> None:
    many = Comparisons("model", {f"data{i}": comparison() for i in range(9)}, None)
    assert len(headline(many, {})) == 6
    assert headline(many, {})[-1] == "4 more data sets: below."


def test_the_metrics_of_the_best_stand_beside_what_is_minimised() -> None:
    own = comparison()
    scored = {"validation_accuracy": 0.912345, "validation_loss": 0.2}
    branches = {**own.branches, "a": replace(own.branches["a"], scores=scored)}
    told = Comparisons("optimizer", {"iris": replace(own, branches=branches)}, None)
    ((head, rows),) = tables(told).values()
    assert list(head[2:3]) == ["accuracy"]
    assert [row[2] for row in rows] == ["0.9123", "-", "-"]


def test_of_what_knows_no_seeds_neither_interval_nor_noise_is_told() -> None:
    own = Comparisons("optimizer.sgd.lr", {"none": replace(comparison(), seeds=0)}, None)
    told = "\n".join([*headline(own, {}), *tables(own), *map(str, tables(own).values())])
    assert "seeds" not in told
    assert "noise" not in told.splitlines()[0]
    assert "interval" not in told
    assert "a (trial 1, loss 0.2) is the best once tuned." in told
