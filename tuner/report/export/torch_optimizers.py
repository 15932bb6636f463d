"""PyTorch's optimizers that take the same steps as tuner's, and how to construct them.

The references in tests/references were made with them: they follow the same rule, with the same
position of epsilon and the same kind of weight decay. Optimizers that share only the name, such as
PyTorch's Muon, which iterates in bfloat16, or that PyTorch does not have, are not listed.
"""

from collections.abc import Mapping, Sequence

from tuner.errors import UserError
from tuner.training import optimizers

NEW_LINE = "\n    "

# The advice in errors.
MEND = "format=python trains with tuner's"

BETAS = "betas=({beta1!r}, {beta2!r}), eps={eps!r}"
RMSPROP = "alpha={alpha!r}, momentum={momentum!r}, eps={eps!r}"

# The constructors in `torch.optim` by the name of tuner's optimizer; lr and weight_decay, which all
# take, are added.
SAME = {
    "sgd": "SGD()",
    "momentum": "SGD(momentum={momentum!r})",
    # PyTorch refuses nesterov=True without momentum, where it has no effect.
    "nesterov": "SGD(momentum={momentum!r}, nesterov={moves})",
    "adam": f"Adam({BETAS})",
    "amsgrad": f"Adam({BETAS}, amsgrad=True)",
    "adamw": f"AdamW({BETAS})",
    "adamax": f"Adamax({BETAS})",
    "nadam": f"NAdam({BETAS}, momentum_decay={{momentum_decay!r}})",
    "radam": f"RAdam({BETAS})",
    "rmsprop": f"RMSprop({RMSPROP})",
    "rmsprop_centered": f"RMSprop({RMSPROP}, centered=True)",
    "adagrad": "Adagrad(lr_decay={lr_decay!r}, "
    "initial_accumulator_value={initial_accumulator!r}, eps={eps!r})",
    "adadelta": "Adadelta(rho={rho!r}, eps={eps!r})",
    "adafactor": "Adafactor(beta2_decay=-{decay_rate!r}, eps=({eps1!r}, {eps2!r}), "
    "d={clip_threshold!r})",
    "asgd": "ASGD(lambd={lambd!r}, alpha={alpha!r}, t0={t0!r})",
    "rprop": "Rprop(etas=({etaminus!r}, {etaplus!r}), "
    "step_sizes=({step_size_min!r}, {step_size_max!r}))",
}

# PyTorch's Rprop takes no weight decay.
WITHOUT_DECAY = ("rprop",)

# The steps at which the schedule must not change the rate, because PyTorch uses it differently:
# Rprop takes its rate only at the first step, and ASGD takes each rate one step late.
AT_ITS_RATE = {"rprop": slice(1), "asgd": slice(None)}

# The transforms around any optimizer that PyTorch has as separate functions.
CLIPS = {
    "clip_value": "torch.nn.utils.clip_grad_value_(model.parameters(), {})",
    "clip_norm": "torch.nn.utils.clip_grad_norm_(model.parameters(), {})",
}


def constructor(name: str, settings: Mapping[str, float], rates: Sequence[float]) -> str:
    """The expression that makes PyTorch's optimizer over `model.parameters()`, on several lines.

    Args:
        name: the name of tuner's optimizer.
        settings: all its hyperparameters.
        rates: its learning rates, step by step.

    Raises:
        UserError: if PyTorch has no optimizer that takes the same steps.
    """
    path = f"optimizer.{name}"
    if name not in SAME:
        raise UserError(f"{path}: torch.optim has none that takes the same steps: {MEND}")
    known = optimizers.load(name).hyperparameters
    for key in optimizers.SHARED:
        has = key in CLIPS or key == "weight_decay" or _plays_no_role(key, settings)
        if not has and settings[key] != known[key].default:
            raise UserError(f"{path}.{key}: {settings[key]:g}: torch.optim has no such: {MEND}")
    if name in WITHOUT_DECAY and settings["weight_decay"]:
        raise UserError(f"{path}.weight_decay: torch.optim's has none: {MEND}")
    first = rates[AT_ITS_RATE.get(name, slice(0))]
    if any(rate != settings["lr"] for rate in first):
        raise UserError(f"{path}: torch.optim's takes a schedule's rates otherwise: {MEND}")
    moves = settings.get("momentum", 0.0) > 0
    head, _, own = SAME[name].format(**settings, moves=moves).partition("(")
    common = [f"lr={settings['lr']!r}", own.removesuffix(")")]
    if name not in WITHOUT_DECAY:
        common.append(f"weight_decay={settings['weight_decay']!r}")
    arguments = ["model.parameters()", *filter(None, common)]
    return f"torch.optim.{head}({''.join(f'{NEW_LINE}{own},' for own in arguments)}\n)"


def momentum_place(name: str, settings: Mapping[str, float]) -> tuple[str, str, str]:
    """Where PyTorch's optimizer keeps its momentum.

    Args:
        name: the name of an optimizer with a momentum or a beta1.
        settings: its hyperparameters.

    Returns:
        The hyperparameter's name, its key in a parameter group of PyTorch's optimizer, and the
        value there, with {} for the momentum.
    """
    if "momentum" in optimizers.load(name).own:
        return "momentum", "momentum", "{}"
    return "beta1", "betas", f"({{}}, {settings['beta2']!r})"


def clips(settings: Mapping[str, float]) -> list[str]:
    """The statements that clip gradients as the settings say, in order."""
    return [
        text.format(repr(settings[key]))
        for key, text in CLIPS.items()
        if settings[key] != optimizers.SHARED[key].default
    ]


def _plays_no_role(key: str, settings: Mapping[str, float]) -> bool:
    """Whether a hyperparameter has no effect, because it belongs to a lookahead that is off."""
    return key == "lookahead_steps" and settings["lookahead_rate"] == 1
