"""Models: from the parameters of a row to scores, and back to gradients.

A model's parameters lie in a row of `theta: (rows, size)`, tensor after tensor. It has two
halves, functions that kernels.model_passes calls row after row, so that what a row computes stays
in the cache and no two rows meet:

    forward(theta, layout, X, work, rate, state) -> where in `work` the scores start
    backward(theta, layout, X, work, scores_at, gradient, rate, state)

theta, gradient: (size,); layout: the model's shape, its outputs last; X: rows as
kernels.dense or kernels.sparse have them; work: (room(samples),), where the first
half leaves the scores (samples, outputs) and what the second needs, which gets the gradient of the
scores in their place; rate, state: of dropout (kernels.dropout), 0.0 for none.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np

from tuner.training import activations
from tuner.training.activations import identity
from tuner.training.kernels import dense, normalisation, sparse
from tuner.training.kernels.compiling import compiled, specialised
from tuner.training.kernels.dense import times as product
from tuner.training.kernels.dense import transposed_times as transposed_product
from tuner.training.kernels.dropout import drop, drop_backward, mixed
from tuner.training.kernels.input_checks import check_array, check_rows
from tuner.training.kernels.sparse import CSR

Array = np.ndarray

# Of dropout, where there is none.
NO_STATE = np.uint64(0)

# What `specialised` gives to the functions below.
count: Any = None
times: Any = None
transposed_times: Any = None
activation: Any = None
activation_backward: Any = None
normalise: Any = None
normalise_backward: Any = None


class Tensor(NamedTuple):
    """Some of the parameters: their shape, whether they are weights, and whether these make
    something else than scores."""

    inputs: int
    outputs: int
    weights: bool = False
    hidden: bool = False

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.inputs * self.outputs


class Model(ABC):
    """A function from features to scores; inputs, outputs: numbers of features and of scores."""

    inputs: int
    outputs: int

    @property
    @abstractmethod
    def layout(self) -> Array:
        """Its shape as its halves read it, (numbers,) int64, the outputs last."""

    @property
    @abstractmethod
    def parts(self) -> Sequence[Tensor]:
        """What the parameters are made of, in their order."""

    @abstractmethod
    def initial(self, rng: np.random.Generator) -> Array:
        """Starting parameters (size,), float64."""

    @abstractmethod
    def room(self, samples: int) -> int:
        """Numbers that a forward and a backward pass need to keep for so many samples."""

    @abstractmethod
    def halves(self, kind: ModuleType, build: Callable[..., Any] = specialised) -> tuple[Any, Any]:
        """`forward` and `backward` for dense or sparse input, the module `kind`."""

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(part.size for part in self.parts)

    @property
    def tensors(self) -> Array:
        """What the parameters are made of, as Problem.tensors has it."""
        stops = np.cumsum([part.size for part in self.parts])
        return np.array(
            [
                (stop - part.size, stop, part.inputs, part.outputs, part.hidden)
                for part, stop in zip(self.parts, stops, strict=True)
            ],
            dtype=np.int64,
        )

    @property
    def penalised(self) -> Array:
        """Start and stop of each tensor that penalties act on, (tensors, 2): the weights."""
        return self.tensors[[part.weights for part in self.parts], :2]

    def scores(self, theta: Array, X: Array | CSR) -> Array:
        """Scores (samples, outputs) of X (samples, inputs) under the parameters theta (size,).

        Raises:
            ValueError: X or theta does not fit the model, or X is of another dtype than theta.
        """
        check_array("theta", theta, (self.size,), theta.dtype, writable=False)
        check_rows("X", X, self.inputs, theta.dtype, writable=False)
        kind = kind_of(X)
        rows = kind.whole(X)
        samples = kind.count(rows)
        work = np.empty(self.room(samples), theta.dtype)
        start = self.halves(kind)[0](theta, self.layout, rows, work, 0.0, NO_STATE)
        return work[start : start + samples * self.outputs].reshape(samples, self.outputs)


def kind_of(X: Array | CSR) -> ModuleType:
    """What makes the products of X: kernels.sparse or kernels.dense."""
    return sparse if isinstance(X, CSR) else dense


def forward(theta, layout, X, work, rate, state):
    """Of an MLP; layout: whether its layers are normalised, and the widths, the inputs first.

    In `work` are the activations of all layers, one after another; two layers' room for slopes;
    then, for the hidden layers, what the activations and the normalisation want to keep.
    """
    samples, last = count(X), layout.shape[0] - 3
    hidden, aside = places(layout, samples)
    at, below, start = 0, 0, 0
    for layer in range(last + 1):
        i, o = layout[layer + 1], layout[layer + 2]
        W = theta[at : at + i * o].reshape(i, o)
        z = work[start : start + samples * o].reshape(samples, o)
        at += i * o
        if layer == 0:
            times(X, W, z)
        else:
            product(work[below : below + samples * i].reshape(samples, i), W, z)
        if layer == last:
            identity(z, theta[at : at + o])
        else:
            slope = aside + start
            normal, inverse = slope + hidden, aside + 2 * hidden + layer * samples
            at += normalise(z, theta, at, work, normal, inverse)
            activation(z, theta[at : at + o], work, slope)
            if rate > 0.0:
                drop(z, rate, mixed(state, layer))
        at, below, start = at + o, start, start + samples * o
    return below


def backward(theta, layout, X, work, scores_at, gradient, rate, state):
    """Of an MLP."""
    samples, last = count(X), layout.shape[0] - 3
    hidden, aside = places(layout, samples)
    at, above, below = theta.shape[0], scores_at, scores_at
    free = scores_at + samples * layout[last + 2]
    spare = (aside + free) // 2
    for layer in range(last, -1, -1):
        i, o = layout[layer + 1], layout[layer + 2]
        d = work[above : above + samples * o].reshape(samples, o)
        at -= o
        sum_samples(d, gradient[at : at + o])
        if layer < last:
            normal, inverse = aside + hidden + below, aside + 2 * hidden + layer * samples
            at -= normalise_backward(d, theta, gradient, at, work, normal, inverse)
        at -= i * o
        dW = gradient[at : at + i * o].reshape(i, o)
        if layer == 0:
            transposed_times(X, d, dW)
        else:
            below -= samples * i
            a = work[below : below + samples * i].reshape(samples, i)
            transposed_product(a, d, dW)
            d_below = work[free : free + samples * i].reshape(samples, i)
            product(d, theta[at : at + i * o].reshape(i, o).T, d_below)
            if rate > 0.0:
                drop_backward(a, d_below, rate, mixed(state, layer - 1))
            activation_backward(a, work, aside + below, d_below)
            above, free, spare = free, spare, free


@compiled
def places(layout, samples):
    """Numbers in all hidden activations, and where in `work` the room behind slopes starts."""
    units, widest = 0, 0
    for layer in range(2, layout.shape[0]):
        units += layout[layer]
        widest = max(widest, layout[layer])
    return samples * (units - layout[-1]), samples * (units + 2 * widest)


@compiled
def sum_samples(d, out):
    """out (units,) becomes the sum of d (samples, units) over its samples."""
    for unit in range(d.shape[1]):
        out[unit] = d[0, unit]
    for sample in range(1, d.shape[0]):
        for unit in range(d.shape[1]):
            out[unit] += d[sample, unit]


@dataclass(frozen=True)
class MLP(Model):
    """A fully connected network; without hidden layers it is a linear model.

    hidden: widths of the hidden layers; activation: a name in tuner.training.activations;
    initialization: how the weights are drawn; layer_norm: whether what reaches an activation is
    normalised over the units of its layer.

    A layer is its weights (inputs, outputs), its gains (outputs,) if it is hidden and normalised,
    and its biases (outputs,), which come after the normalisation.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    initialization: Literal["glorot", "he"] = "glorot"
    layer_norm: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of all layers, the inputs first and the outputs last."""
        return (self.inputs, *self.hidden, self.outputs)

    @property
    def layout(self) -> Array:
        return np.array([self.layer_norm, *self.widths], dtype=np.int64)

    @property
    def parts(self) -> Sequence[Tensor]:
        out: list[Tensor] = []
        for layer, (i, o) in enumerate(pairwise(self.widths)):
            hidden = layer < len(self.hidden)
            out.append(Tensor(i, o, weights=True, hidden=hidden))
            out += [Tensor(1, o)] * (2 if hidden and self.layer_norm else 1)
        return out

    def initial(self, rng: np.random.Generator) -> Array:
        """Zero biases, gains of one, and weights uniform within +-sqrt(6 / (inputs + outputs)) of
        each layer (glorot: Glorot & Bengio 2010, equation 16), with 2 in place of 6 for the
        logistic activation, as scikit-learn draws them; or within +-sqrt(6 / inputs) (he: He et al.
        2015, equation 10, as a uniform distribution of that variance). A linear model starts at
        zero.
        """
        gain = (2.0 if self.activation == "logistic" else 6.0) if self.hidden else 0.0
        parts = []
        for layer, (i, o) in enumerate(pairwise(self.widths)):
            if self.initialization == "he":
                bound = np.sqrt(6.0 / i) if self.hidden else 0.0
            else:
                bound = np.sqrt(gain / (i + o))
            parts.append(rng.uniform(-bound, bound, i * o))
            if self.layer_norm and layer < len(self.hidden):
                parts.append(np.ones(o))
            parts.append(np.zeros(o))
        return np.concatenate(parts)

    def room(self, samples: int) -> int:
        hidden, widest = sum(self.hidden), max(self.widths[1:])
        return samples * (3 * hidden + self.outputs + 2 * widest + len(self.hidden))

    def halves(self, kind: ModuleType, build: Callable[..., Any] = specialised) -> tuple[Any, Any]:
        there, back = activations.load(self.activation)
        return (
            build(
                forward,
                count=kind.count,
                times=kind.times,
                activation=there,
                normalise=normalisation.normalise if self.layer_norm else normalisation.leave,
            ),
            build(
                backward,
                count=kind.count,
                transposed_times=kind.transposed_times,
                activation_backward=back,
                normalise_backward=(
                    normalisation.normalise_backward
                    if self.layer_norm
                    else normalisation.leave_backward
                ),
            ),
        )
