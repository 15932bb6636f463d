"""Promises of settings as a config: it is read as the same settings, whatever they are."""

import math
from typing import Any

import pytest
import yaml

from tuner.codec import Settings
from tuner.config.from_settings import grouped
from tuner.config.space import MODELS, space_of
from tuner.training import losses, optimizers, schedules

PLAIN: dict[str, Any] = {
    "optimizer": {"adam": {}},
    "schedule": {"constant": {}},
    "model": {"mlp": {"hidden": [8]}},
    "loss": {"auto": {}},
    "batch_size": 32,
    "where": [],
}
FUNCTIONS = {
    "quadratic": {"condition_number": 10.0, "start": [3.0, -4.0]},
    "factorization_machine": {"factors": 3},
}


def settings_of(plain: Any) -> Settings:
    """The settings of a config that searches nothing."""
    problems: list[str] = []
    space = space_of({**PLAIN, **plain}, problems)
    assert not problems
    assert not space.searched
    return space.fixed


@pytest.mark.parametrize(
    "plain",
    [
        *({"optimizer": {name: {}}} for name in optimizers.names()),
        *({"schedule": {name: {}}} for name in schedules.names()),
        *({"loss": {name: {}}} for name in losses.names()),
        *({"model": {name: FUNCTIONS.get(name, {})}} for name in MODELS),
        {"optimizer": {"adam": {"lr": 0.1 + 0.2, "clip_norm": 1.0, "eps": 1e-300}}},
        {"model": {"mlp": {"hidden": [64, 3, 5], "dropout": 1 / 3, "layer_norm": True}}},
        {"model": {"mlp": {"hidden": [*range(1, 13)]}}},
        {"model": {"mlp": {"hidden": 7}}},
        {
            "schedule": {
                "parts": [
                    {"name": "constant", "until": 1 / 3},
                    {"name": "cosine", "rate": 0.3, "final": 0.01, "warmup_linear": 0.1},
                ]
            }
        },
    ],
    ids=str,
)
def test_settings_are_read_again_as_they_were(plain: dict[str, Any]) -> None:
    settings = settings_of(plain)
    text = yaml.safe_dump(grouped(settings), sort_keys=False)
    again = settings_of(yaml.safe_load(text))
    assert again == settings
    assert {path: repr(value) for path, value in again.items()} == {
        path: repr(value) for path, value in settings.items()
    }


def test_widths_that_were_one_choice_are_a_list() -> None:
    chosen = {**settings_of({}), "model.mlp.hidden": [16, 8]}
    del chosen["model.mlp.hidden.0"]
    assert grouped(chosen)["model"]["mlp"]["hidden"] == [16, 8]


def test_a_limit_that_is_none_is_null_and_a_functions_settings_are_left_as_they_are() -> None:
    assert grouped({"optimizer": "adam", "optimizer.adam.clip_norm": math.inf}) == {
        "optimizer": {"adam": {"clip_norm": None}}
    }
    assert grouped({"x": 0.3, "width": 4}) == {"x": 0.3, "width": 4}


def test_a_branch_of_a_users_function_is_read_as_the_option_with_its_settings() -> None:
    settings = {"train.lr": 0.1, "train.rule.sgd.beta": 0.9, "train.rule": "sgd"}
    found = grouped(settings, ["train.rule"])
    assert found == {"train": {"lr": 0.1, "rule": {"sgd": {"beta": 0.9}}}}
