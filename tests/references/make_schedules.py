"""Makes schedules/rates.npz: what PyTorch, optax and scikit-learn make of a rate in 1,000 steps.

It needs an environment with torch, optax and scikit-learn, which the project does not depend on:

    python tests/references/make_schedules.py

A key is `<schedule>/<case>`, the case as JSON: the settings, the rate `lr` and, where they count,
the optimizer's `momentum` and the steps of an `epoch`. `<key>/momentum` holds the momenta and
`<key>/losses` the validation losses that the schedule was shown. The first case of a schedule has
all 1,000 rates, the others every fourth, to keep the file small. Where no package has a schedule,
its formula is written here from the paper, in plain loops.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

T = 1000
RATES: dict[str, np.ndarray] = {}


def keep(name: str, rates: Iterable[float], lr: float, case: Any = None, **settings: Any) -> str:
    key = f"{name}/{json.dumps({'lr': lr, 'settings': settings, **(case or {})})}"
    values = np.array([float(rate) for rate in rates])
    assert values.shape == (T,), key
    RATES[key] = values[:: 4 if any(k.startswith(f"{name}/") for k in RATES) else 1]
    return key


# PyTorch


def torch_optimizer(lr: float, momentum: float = 0.9) -> Any:
    import torch

    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=momentum)


def run(optimizer: Any, scheduler: Any, what: str = "lr") -> Iterator[float]:
    for _ in range(T):
        yield optimizer.param_groups[0][what]
        optimizer.step()
        scheduler.step()


def pytorch(name: str, lr: float, **arguments: Any) -> Iterator[float]:
    """The rates of a class of torch.optim.lr_scheduler."""
    from torch.optim import lr_scheduler

    optimizer = torch_optimizer(lr)
    return run(optimizer, getattr(lr_scheduler, name)(optimizer, **arguments))


def one_cycle(name: str, lr: float, momenta: tuple[float, float], **own: Any) -> None:
    from torch.optim.lr_scheduler import OneCycleLR

    low, high = momenta
    linear = name == "one_cycle_linear"
    for what in ("lr", "momentum"):
        optimizer = torch_optimizer(lr, high)
        scheduler = OneCycleLR(
            optimizer,
            max_lr=lr,
            total_steps=T,
            pct_start=own["rise"],
            anneal_strategy="linear" if linear else "cos",
            three_phase=linear,
            div_factor=1 / own["start"],
            final_div_factor=own["start"] / own["final"],
            base_momentum=low,
            max_momentum=high,
        )
        values = []
        for i in range(T):
            values.append(optimizer.param_groups[0][what])
            optimizer.step()
            if i < T - 1:
                scheduler.step()
        if what == "lr":
            key = keep(name, values, lr, {"momentum": high}, momentum_low=low, **own)
        else:
            RATES[f"{key}/momentum"] = np.array(values)[:: T // len(RATES[key])]


def plateau(lr: float, losses: np.ndarray, **own: Any) -> None:
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    optimizer = torch_optimizer(lr)
    scheduler = ReduceLROnPlateau(
        optimizer,
        factor=own["factor"],
        patience=round(own["patience"] * T),
        threshold=own["threshold"],
        cooldown=round(own["cooldown"] * T),
        min_lr=own["final"] * lr,
        eps=0.0,
    )
    rates = []
    for loss in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(loss)
    key = keep("reduce_on_plateau", rates, lr, **own)
    RATES[f"{key}/losses"] = losses


# optax


def optax(schedule: Callable[[Any], Any], by: int = 1) -> list[float]:
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    return [float(schedule(jnp.asarray(t // by * by, jnp.float64))) for t in range(T)]


# scikit-learn


def sgd_classifier(**arguments: Any) -> list[float]:
    """The rates that SGDClassifier steps by: what its intercept moves, of samples of zeros.

    While the score is within the margin, the hinge loss moves the intercept by the rate, towards
    the label; the labels alternate, so it stays there. The weights see zeros.
    """
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="hinge", **arguments)
    rates, before = [], 0.0
    for t in range(T):
        model.partial_fit([[0.0]], [t % 2], classes=[0, 1])
        rates.append(abs(model.intercept_[0] - before))
        before = model.intercept_[0]
    return rates


def shrinking(alpha: float) -> list[float]:
    """scikit-learn's "optimal", from its documentation: 1 / (alpha * (t0 + t)).

    Its first rates are far beyond the margin of the hinge loss, so that they cannot be seen as
    those of `sgd_classifier`: t0 is such that the first is sqrt(1 / sqrt(alpha)).
    """
    t0 = 1.0 / (math.sqrt(1.0 / math.sqrt(alpha)) * alpha)
    return [1.0 / (alpha * (t0 + t)) for t in range(T)]


# Papers


def vaswani(warmup: int, peak: float) -> list[float]:
    """Vaswani et al. 2017, equation 3, scaled to its peak; counted from step `warmup` on."""
    scale = peak / warmup**-0.5
    steps = range(warmup, warmup + T)
    return [scale * min(step**-0.5, step * warmup**-1.5) for step in steps]


def restarts(lr: float, first: int, multiplier: float, gamma: float, final: float) -> list[float]:
    """SGDR by its loop, the height of each cycle gamma times the one before, as Keras's m_mul."""
    bottom = final * lr
    rates, start, length, height = [], 0.0, float(first), lr - bottom
    for t in range(T):
        while t - start >= length - 1e-9:
            start, length, height = start + length, length * multiplier, height * gamma
        share = (t - start) / length
        rates.append(bottom + height * (1 + math.cos(math.pi * share)) / 2)
    return rates


def chen(lr: float, beta: float) -> list[float]:
    """REX, Chen, Wolfe & Kyrillidis 2022."""
    return [lr * (1 - t / T) / (1 - beta + beta * (1 - t / T)) for t in range(T)]


def haegele(lr: float, decay: int, final: float) -> list[float]:
    """Hägele et al. 2024: 1 - sqrt((n - (N - N_decay)) / N_decay) of the way to the final rate."""
    rates = []
    for n in range(T):
        factor = 1.0 if n <= T - decay else 1 - math.sqrt((n - (T - decay)) / decay)
        rates.append(lr * (final + (1 - final) * factor))
    return rates


def keep_torch() -> None:
    keep("constant", pytorch("ConstantLR", 0.3, factor=1.0), 0.3)
    keep("step", pytorch("StepLR", 0.3, step_size=250, gamma=0.5), 0.3, gamma=0.5, every=0.25)
    keep("step", pytorch("StepLR", 0.3, step_size=30, gamma=0.9), 0.3, gamma=0.9, every=0.03)
    three = {"milestone1": 0.3, "milestone2": 0.6, "milestone3": 0.8}
    keep(
        "multistep",
        pytorch("MultiStepLR", 0.3, milestones=[300, 600, 800], gamma=0.2),
        0.3, gamma=0.2, **three,
    )  # fmt: skip
    two = {"milestone1": 0.5, "milestone2": 0.5, "milestone3": 1.0}
    keep(
        "multistep",
        pytorch("MultiStepLR", 0.3, milestones=[500, 500], gamma=0.1),
        0.3, gamma=0.1, **two,
    )  # fmt: skip
    for gamma in (0.01, 0.5):
        keep("exponential", pytorch("ExponentialLR", 0.3, gamma=gamma ** (1 / T)), 0.3, gamma=gamma)
    for final in (0.0, 0.1):
        rates = pytorch("LinearLR", 0.3, start_factor=1.0, end_factor=final, total_iters=T)
        keep("linear", rates, 0.3, final=final)
        rates = pytorch("CosineAnnealingLR", 0.3, T_max=T, eta_min=0.3 * final)
        keep("cosine", rates, 0.3, final=final)
    for power in (1.0, 2.5):
        rates = pytorch("PolynomialLR", 0.3, total_iters=800, power=power)
        keep("polynomial", rates, 0.3, power=power, until=0.8)
    for first, multiplier, final in ((0.1, 1, 0.0), (0.05, 2, 0.01), (0.03, 3, 0.0)):
        rates = pytorch(
            "CosineAnnealingWarmRestarts", 0.3,
            T_0=round(first * T), T_mult=multiplier, eta_min=0.3 * final,
        )  # fmt: skip
        keep("cosine_restarts", rates, 0.3, first=first, multiplier=multiplier, final=final)
    for name, mode, own in (
        ("triangular", "triangular", {}),
        ("triangular2", "triangular2", {}),
        ("exp_range", "exp_range", {"gamma": 0.1}),
    ):
        for cycle, low in ((0.2, 0.25), (0.05, 0.0)):
            rates = pytorch(
                "CyclicLR", 0.3, base_lr=0.3 * low, max_lr=0.3, mode=mode,
                step_size_up=round(cycle * T / 2), cycle_momentum=False,
                gamma=own.get("gamma", 1.0) ** (1 / T),
            )  # fmt: skip
            keep(name, rates, 0.3, cycle=cycle, low=low, **own)
    one_cycle("one_cycle", 0.3, (0.85, 0.95), rise=0.3, start=0.04, final=4e-6)
    one_cycle("one_cycle", 0.3, (0.5, 0.9), rise=0.25, start=0.1, final=1e-3)
    one_cycle("one_cycle_linear", 0.3, (0.85, 0.95), rise=0.45, start=0.04, final=4e-6)
    one_cycle("one_cycle_linear", 0.3, (0.8, 0.99), rise=0.3, start=0.1, final=1e-3)
    rng = np.random.default_rng(0)
    falling = np.exp(-np.arange(T) / 150) + 0.2 + 0.01 * rng.standard_normal(T)
    plateau(0.3, falling, factor=0.5, patience=0.02, threshold=1e-4, cooldown=0.0, final=0.0)
    plateau(0.3, falling, factor=0.1, patience=0.01, threshold=1e-2, cooldown=0.03, final=1e-3)


def keep_optax() -> None:
    import optax as o

    lr = 0.3
    bounds = {200: 0.5, 500: 0.1, 900: 3.0}
    own = {}
    for i, (boundary, factor) in enumerate(bounds.items(), 1):
        own |= {f"boundary{i}": boundary / T, f"factor{i}": factor}
    keep("piecewise", optax(o.piecewise_constant_schedule(lr, bounds)), lr, **own)
    for gamma, every in ((0.01, 100), (0.2, 250)):
        decay = o.exponential_decay(lr, every, gamma ** (every / T), staircase=True)
        keep("staircase", optax(decay), lr, gamma=gamma, every=every / T)
    for power, final, until in ((2.0, 0.1, 600), (0.5, 0.0, 1000)):
        decay = o.polynomial_schedule(lr, lr * final, power, until)
        keep("polynomial", optax(decay), lr, power=power, final=final, until=until / T)
    for decay, final in ((200, 0.0), (500, 0.1)):
        flat, at = o.constant_schedule(lr), [T - decay]
        line = o.linear_schedule(lr, lr * final, decay)
        wave = o.cosine_decay_schedule(lr, decay, alpha=final)
        own = {"decay": decay / T, "final": final}
        keep("wsd_linear", optax(o.join_schedules([flat, line], at)), lr, **own)
        keep("wsd_cosine", optax(o.join_schedules([flat, wave], at)), lr, **own)
        keep("wsd_sqrt", haegele(lr, decay, final), lr, **own)
    # Warmups, and schedules that follow one another.
    warm = o.warmup_cosine_decay_schedule(0.1 * lr, lr, 50, T, 0.01 * lr)
    keep("cosine", optax(warm), lr, final=0.01, warmup_linear=0.05, warmup_start=0.1)
    rise = o.exponential_decay(0.01 * lr, 100, 100.0, transition_begin=0)
    rest = o.linear_schedule(lr, 0.0, T - 100)
    keep(
        "linear", optax(o.join_schedules([rise, rest], [100])), lr,
        warmup_exponential=0.1, warmup_start=0.01,
    )  # fmt: skip
    low = o.constant_schedule(0.2 * lr)
    keep(
        "linear", optax(o.join_schedules([low, rest], [100])), lr,
        warmup_constant=0.1, warmup_start=0.2,
    )  # fmt: skip
    keep("cosine", optax(o.cosine_decay_schedule(lr, T), by=40), lr, {"epoch": 40}, hold_epochs=1)
    parts = [
        o.linear_schedule(lr, 0.5 * lr, 300),
        o.constant_schedule(2 * lr),
        o.cosine_decay_schedule(0.3 * lr, 300, alpha=0.1),
    ]
    named = {
        "0.name": "linear", "0.until": 0.3, "0.final": 0.5,
        "1.name": "constant", "1.until": 0.7, "1.rate": 2.0,
        "2.name": "cosine", "2.rate": 0.3, "2.final": 0.1,
    }  # fmt: skip
    keep("parts", optax(o.join_schedules(parts, [300, 700])), lr, **named)


def keep_sklearn() -> None:
    for lr, power in ((0.3, 0.5), (0.1, 0.25)):
        rates = sgd_classifier(
            learning_rate="invscaling", eta0=lr, power_t=power, alpha=0.0, penalty=None
        )
        keep("invscaling", rates, lr, power=power)
    # A large alpha: the first rate is 1, within the margin.
    rates = sgd_classifier(learning_rate="optimal", alpha=1.0, penalty=None)
    keep("optimal", rates, 1.0, alpha=1.0)
    keep("optimal", shrinking(1e-4), 1.0, alpha=1e-4)


def keep_papers() -> None:
    for lr, alpha in ((0.3, 1e-4), (10.0, 0.1)):
        keep("bottou", [lr / (1 + lr * alpha * t) for t in range(T)], lr, alpha=alpha)
    # Keras's documentation: initial_rate / (1 + decay_rate * step / decay_steps).
    for decay in (0.5, 100.0):
        keep("inverse_time", [0.3 / (1 + decay * t / T) for t in range(T)], 0.3, decay=decay)
    for timescale in (40, 500):
        keep("inverse_sqrt", vaswani(timescale, 0.3), 0.3, timescale=timescale / T)
    for first, multiplier, gamma, final in ((0.1, 1.5, 0.5, 0.0), (0.05, 2.0, 0.3, 0.1)):
        rates = restarts(0.3, round(first * T), multiplier, gamma, final)
        own = {"first": first, "multiplier": multiplier, "gamma": gamma, "final": final}
        keep("cosine_restarts", rates, 0.3, **own)
    for beta in (0.5, 0.9):
        keep("rex", chen(0.3, beta), 0.3, beta=beta)


if __name__ == "__main__":
    keep_torch()
    keep_optax()
    keep_sklearn()
    keep_papers()
    path = Path(__file__).parent / "schedules" / "rates.npz"
    np.savez_compressed(path, **RATES)
    print(f"{path}: {len(RATES)} arrays, {path.stat().st_size / 1024:.0f} kB")
