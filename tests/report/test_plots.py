"""The pictures show every kind of trial, and data that is odd does not stop them."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from PIL import Image

from tests.made_studies import made, states
from tuner.report import pictures
from tuner.report.plots import trials as plots
from tuner.report.plots.style import COLOURS, RED, colours, marker
from tuner.report.standing import standing
from tuner.search.trials import Goal
from tuner.training import optimizers

STUDIES = states()


@pytest.fixture
def legend(monkeypatch):
    """The legends and the heights of what was drawn of a study, instead of files."""

    def drawn(result, curves):
        made = {}

        def finish(figure, axes, handles, file, says=None):
            rings = [p for p in axes.collections if getattr(p, "_sizes", None) == [170]]
            made[file.name] = [h.get_label() for h in handles], rings, axes

        monkeypatch.setattr(plots, "finish", finish)
        pictures.draw(result, curves, pictures.Path())
        return made

    return drawn


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.slow
def test_every_study_can_be_drawn_and_its_pictures_say_who_won(study, tmp_path):
    result, curves = study
    pictures.draw(result, curves, tmp_path)
    assert (tmp_path / pictures.LOSSES).exists()
    for file in tmp_path.iterdir():
        with Image.open(file) as image:
            said = json.loads(image.text[pictures.KEYWORD])
        assert said["study"] == result.study
        won = result.winner
        assert said["winner"] == (None if won is None else won.number)
        assert said["value"] == (None if won is None else won.value)


def test_odd_losses_do_not_stop_the_pictures(legend):
    result, curves = made(count=6)
    odd = [(1.0, -0.5), (math.nan,), (2.0, 1e6, math.inf), (), (1.0, 0.0)]
    for number, losses in enumerate(odd):
        changed = replace(result.all[number], epochs=max(0, len(losses) - 1))
        result = replace(
            result, all=tuple(changed if t.number == number else t for t in result.all)
        )
        curves[number] = {"validation_loss": list(losses) or [None]}
    curves[5] = {}
    assert legend(result, curves)


def test_the_winner_and_the_best_of_the_search_have_their_names(legend):
    result, curves = made(confirm=True)
    labels, _, _ = legend(result, curves)[pictures.LOSSES]
    assert result.winner.number != result.best.number
    assert f"winner: trial {result.winner.number}" in labels
    assert f"best of the search: trial {result.best.number}" in labels


def test_of_few_trials_each_has_a_name_that_tells_its_settings(legend):
    result, curves = made(count=4)
    labels, _, axes = legend(result, curves)[pictures.LOSSES]
    won = result.winner.number
    for trial in result.all:
        (label,) = [own for own in labels if f"trial {trial.number}" in own]
        assert label.startswith("winner, ") == (trial.number == won)
        assert f"lr {trial.learning_rate:.4g}" in label
        assert label.endswith(", diverged") == (trial.state == "DIVERGED")
    assert "other trials" not in labels
    assert not axes.collections[0].get_segments()


def test_settings_that_are_too_long_for_a_legend_are_left_out_of_it(legend, monkeypatch):
    monkeypatch.setattr(pictures, "LONGEST", 5)
    result, curves = made(count=4)
    labels, _, _ = legend(result, curves)[pictures.LOSSES]
    assert f"winner: trial {result.winner.number}" in labels
    assert not [label for label in labels if "lr" in label]


def test_a_training_loss_that_is_the_validation_loss_is_not_drawn_twice(legend):
    result, curves = made(count=4)
    beside, _, _ = legend(result, curves)[pictures.LOSSES]
    alike = {n: own | {"train_loss": own["validation_loss"]} for n, own in curves.items()}
    alone, _, _ = legend(result, alike)[pictures.LOSSES]
    assert [own for own in beside if own not in alone] == ["training loss of the same trial"]


def test_the_best_of_the_search_is_not_named_where_it_won(legend):
    labels, _, _ = legend(*made())[pictures.LOSSES]
    assert not [label for label in labels if "best" in label]


def test_the_ring_is_the_winners_and_lies_on_its_dot(legend):
    for goal in (Goal(), Goal("validation_accuracy", True)):
        result, curves = made(goal=goal, confirm=True)
        _, (ring,), axes = legend(result, curves)[pictures.RATES]
        value = goal.turn(result.winning.value)
        assert ring.get_offsets().tolist() == [[result.winning.learning_rate, value]]
        assert goal.name in axes.get_ylabel() or goal.name == "loss"


@pytest.mark.parametrize("state", ["interrupted", "all diverged", "none complete", "no trials"])
def test_without_a_winner_none_is_drawn(state, legend):
    for labels, rings, _ in legend(*STUDIES[state]).values():
        assert not rings
        assert not [label for label in labels if "winner" in label]


def test_the_typical_trial_is_the_median_of_all_that_ended():
    result, _ = made()
    (typical,) = (t for name, t in standing(result).items() if name.startswith("typical"))
    worse = [t for t in result.all if (t.value or math.inf) > (typical.value or math.inf)]
    assert abs(2 * len(worse) - len(result.all)) <= 2


def test_every_optimizer_has_its_own_look_and_the_legend_has_room(tmp_path):
    names, file = optimizers.names(), tmp_path / "rates.png"
    assert len({(colour, marker(i)) for i, colour in enumerate(colours(len(names)))}) == len(names)
    reached = [plots.Reached(i, name, 0.1, "COMPLETE", 1.0) for i, name in enumerate(names)]
    sizes = []
    for few in (reached[:3], reached):  # where there is no room, matplotlib warns
        plots.learning_rates(few, file, "all optimizers")
        with Image.open(file) as image:
            sizes.append(image.size)
    assert sizes[1][0] > sizes[0][0]
    assert sizes[1][1] == sizes[0][1]


def test_divergence_has_a_colour_of_its_own():
    assert RED not in COLOURS


def test_drawing_needs_no_screen_and_no_state_of_pyplot():
    code = "import sys, tuner.report.plots.trials; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
