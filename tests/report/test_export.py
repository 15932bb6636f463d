"""Promises of exported code: the same optimizer and the same rates, step by step."""

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tuner.errors import UserError
from tuner.report.export import torch_code
from tuner.report.export.torch_optimizers import AT_ITS_RATE, SAME, WITHOUT_DECAY
from tuner.training import optimizers, schedules

TOTAL, EPOCH, LR = 91, 13, 0.0123
TIMELESS = [name for name in schedules.names() if schedules.load(name).state is None]
REFERENCES = Path(__file__).parents[1] / "references"


def steps(schedule: str = "constant", own: Any = None, optimizer: str = "adam", **numbers: float):
    known = optimizers.load(optimizer).hyperparameters
    defaults = {key: h.default for key, h in known.items()}
    return torch_code.Steps(
        optimizer=optimizer,
        settings={**defaults, "lr": LR, **numbers},
        schedule=schedule,
        schedule_settings=own or {},
        total=TOTAL,
        epoch=EPOCH,
        batch_size=32,
    )


class Recorder:
    """Stands for torch: remembers what is made, as (name, positional, keyword)."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple, dict[str, Any]]] = []

    def module(self) -> ModuleType:
        module: Any = ModuleType("torch")
        module.nn = SimpleNamespace(Linear=lambda *sizes: SimpleNamespace(parameters=lambda: "p"))
        module.optim = self
        return module

    @property
    def lr_scheduler(self) -> "Recorder":
        return self

    def __getattr__(self, name: str) -> Any:
        def make(*arguments: Any, **named: Any) -> str:
            self.made.append((name, arguments, named))
            return name

        return make


def run(text: str) -> tuple[dict[str, Any], Recorder]:
    """What the code defines, without PyTorch."""
    recorder, space = Recorder(), dict[str, Any]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", recorder.module())
        exec(compile(text, "exported", "exec"), space)
    return space, recorder


def table(kind: Any, asked: torch_code.Steps, value: float) -> np.ndarray:
    return kind(
        [asked.schedule],
        [asked.schedule_settings],
        np.array([value]),
        np.arange(asked.total)[None],
        asked.total,
        asked.epoch,
    )[0]


def drawn(name: str, random: np.random.Generator, known: Mapping[str, Any]) -> dict[str, float]:
    """Hyperparameters of a schedule, drawn within their domains."""
    found = {}
    for key, h in known.items():
        low, high = max(h.domain.low, -10.0), min(h.domain.high, h.domain.low + 3.0)
        found[key] = float(random.uniform(low, high))
    if random.random() < 0.5:
        found |= {key: 0.0 for key in found if key.startswith("warmup_") or key == "hold_epochs"}
    return found


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Every schedule at its defaults and at drawn numbers, and several one after another."""
    random, found = np.random.default_rng(0), []
    for name in TIMELESS:
        known = schedules.schedule_hyperparameters(name)
        found += [(name, {}), *((name, drawn(name, random, known)) for _ in range(4))]
    for _ in range(12):
        names = random.choice(TIMELESS, 3).tolist()
        ends, parts = [*sorted(random.random(2).tolist()), 1.0], {}
        for i, name in enumerate(names):
            own = drawn(name, random, schedules.schedule_hyperparameters(name))
            own |= {"until": ends[i], "rate": float(random.uniform(0.1, 2))}
            parts |= {f"{i}.name": name} | {f"{i}.{key}": value for key, value in own.items()}
        found.append((schedules.PARTS, parts))
    return found


@pytest.mark.parametrize(("schedule", "own"), cases())
def test_a_factor_gives_the_rates_of_the_schedule_step_by_step(
    schedule: str, own: dict[str, Any]
) -> None:
    asked = steps(schedule, own)
    space, recorder = run(torch_code.text("Title.", asked, {}))
    (_, (optimizer, factor), _) = recorder.made[-1]
    assert recorder.made[-1][0] == "LambdaLR"
    assert optimizer == "Adam"
    expected = table(schedules.table, asked, LR)
    rates = [LR * factor(t) for t in range(TOTAL)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-12 * LR)
    if schedules.cycles_momentum(schedule, own):
        momenta = [float(space["momentum"](t)) for t in range(TOTAL)]
        expected = table(schedules.momentum_table, asked, asked.settings["beta1"])
        np.testing.assert_allclose(momenta, expected, rtol=1e-12)
    else:
        assert "momentum" not in space
    # PyTorch asks once more, after the last step.
    assert np.isfinite(factor(TOTAL))


def test_the_code_uses_nothing_of_tuner() -> None:
    for schedule, own in cases():
        text = torch_code.text("Title.", steps(schedule, own), {})
        imported = [line for line in text.splitlines() if "import" in line]
        assert imported == ["import numpy as np", "import torch"]


def test_a_schedule_that_moves_the_momentum_says_what_to_set() -> None:
    text = torch_code.text("Title.", steps("one_cycle"), {})
    assert '#     optimizer.param_groups[0]["betas"] = (float(momentum(t)), 0.999)' in text
    text = torch_code.text("Title.", steps("one_cycle", optimizer="nesterov"), {})
    assert '#     optimizer.param_groups[0]["momentum"] = float(momentum(t))' in text
    assert "momentum" not in torch_code.text("Title.", steps("one_cycle", optimizer="sgd"), {})


@pytest.mark.parametrize("name", sorted(set(schedules.names()) - set(TIMELESS)))
def test_a_schedule_that_looks_at_losses_says_so(name: str) -> None:
    with pytest.raises(UserError, match=f"schedule: {name}: goes by the validation losses"):
        torch_code.text("Title.", steps(name), {})
    parts = {"0.name": "constant", "0.until": 0.5, "1.name": name}
    with pytest.raises(UserError, match=name):
        torch_code.text("Title.", steps(schedules.PARTS, parts), {})


@pytest.mark.parametrize("name", sorted(set(optimizers.names()) - set(SAME)))
def test_an_optimizer_that_pytorch_has_not_says_so(name: str) -> None:
    with pytest.raises(UserError, match=f"optimizer.{name}: torch.optim has none") as refused:
        torch_code.text("Title.", steps(optimizer=name), {})
    assert len(refused.value.args) == 1


def reference(path: str) -> Any:
    """A script of tests/references, which made what the rules are compared with."""
    spec = importlib.util.spec_from_file_location("reference_script", REFERENCES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REFERENCES)
        patch.setitem(sys.modules, "torch", recorder.module())
        spec.loader.exec_module(module)
    return module, recorder


def test_optimizers_are_made_as_those_that_the_rules_are_compared_with() -> None:
    module, recorder = reference("make_classic.py")
    assert set(SAME) == {*module.TORCH, "adafactor"}
    for name, (make, fixed) in module.TORCH.items():
        known = optimizers.load(name).hyperparameters
        own = {*optimizers.load(name).own, *([] if name in WITHOUT_DECAY else ["weight_decay"])}
        for settings in module.SETTINGS[name]:
            full = {key: settings.get(key, known[key].default) for key in own}
            recorder.made.clear()
            make("p", **module.torch_settings(full) | fixed)
            ((kind, _, expected),) = recorder.made
            asked = steps(optimizer=name, **settings)
            _, made = run(torch_code.text("Title.", asked, {}))
            found, arguments, given = made.made[0]
            assert (found, arguments) == (kind, ("p",))
            assert given == expected


def test_adafactor_is_made_as_its_reference_is() -> None:
    asked = steps(optimizer="adafactor", decay_rate=0.7, eps1=1e-9, clip_threshold=2.0)
    _, made = run(torch_code.text("Title.", asked, {}))
    assert made.made[0] == (
        "Adafactor",
        ("p",),
        {"lr": LR, "beta2_decay": -0.7, "eps": (1e-9, 1e-3), "d": 2.0, "weight_decay": 0.0},
    )


@pytest.mark.parametrize("name", AT_ITS_RATE)
def test_a_rate_that_pytorch_takes_otherwise_must_stay_as_it_is(name: str) -> None:
    for asked in (steps("constant", {"warmup_linear": 0.2}, name), steps("inverse_sqrt", {}, name)):
        if name == "rprop" and asked.schedule == "inverse_sqrt":
            assert "Rprop" in torch_code.text("Title.", asked, {})
            continue
        with pytest.raises(UserError, match=r"takes a schedule's rates otherwise"):
            torch_code.text("Title.", asked, {})
    assert "torch.optim." in torch_code.text("Title.", steps(optimizer=name), {})


@pytest.mark.parametrize(
    "numbers",
    [
        {"ema": 0.9},
        {"tail_average": 0.1},
        {"lookahead_rate": 0.5, "lookahead_steps": 3.0},
        {"clip_adaptive": 0.1},
    ],
)
def test_what_surrounds_an_optimizer_and_pytorch_has_not_is_refused(
    numbers: dict[str, float],
) -> None:
    (key, *_) = numbers
    with pytest.raises(UserError, match=rf"optimizer\.adam\.{key}: .*torch\.optim has no such"):
        torch_code.text("Title.", steps(optimizer="adam", **numbers), {})


def test_clipping_and_what_the_model_adds_are_said() -> None:
    asked = steps(clip_value=0.5, clip_norm=2.0, lookahead_steps=7.0)
    text = torch_code.text("Title.", asked, {"model.mlp.l2": 0.01})
    value, norm, step = (
        text.index(part)
        for part in ("clip_grad_value_(model.parameters(), 0.5)", "(model.parameters(), 2.0)",
                     "optimizer.step()")
    )  # fmt: skip
    assert value < norm < step
    assert "model.mlp.l2 = 0.01" in text
    assert "norm + 1e-6" in text


def test_nesterov_without_momentum_is_what_pytorch_allows() -> None:
    _, made = run(torch_code.text("Title.", steps(optimizer="nesterov", momentum=0.0), {}))
    assert made.made[0][2]["nesterov"] is False


@pytest.mark.parametrize("name", SAME)
def test_pytorch_itself_takes_these_rates(name: str) -> None:
    pytest.importorskip("torch")
    schedule = "constant" if name in AT_ITS_RATE else "cosine"
    asked, space = steps(schedule, {}, name), dict[str, Any]()
    asked = replace(asked, schedule_settings={"final": 0.1} if schedule == "cosine" else {})
    exec(compile(torch_code.text("Title.", asked, {}), "exported", "exec"), space)
    rates = []
    for _ in range(TOTAL):
        rates.append(space["optimizer"].param_groups[0]["lr"])
        space["optimizer"].step()
        space["scheduler"].step()
    np.testing.assert_allclose(rates, table(schedules.table, asked, LR), rtol=1e-12)
