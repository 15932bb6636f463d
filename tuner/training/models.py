"""Models: from the parameters of a row to scores, and back to gradients.

The parameters of a model are a row of `theta: (rows, size)`, tensor after tensor. A model has two
halves, functions that kernels.model_passes calls row by row, so that a row's data stay in the cache
and rows never influence each other:

    forward(theta, layout, X, work, rate, state) -> where in `work` the scores start
    backward(theta, layout, X, work, scores_at, gradient, rate, state)

theta, gradient: (size,); layout: the model's shape, its number of outputs last; X: rows as in
kernels.dense or kernels.sparse; work: (room(samples),), where `forward` leaves the scores (samples,
outputs) and what `backward` needs. Before `backward`, the gradient of the scores overwrites them.
rate, state: of dropout (kernels.dropout); a rate of 0.0 drops nothing.
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

# The state of dropout where nothing drops.
NO_STATE = np.uint64(0)

# Bound by `specialised` when the functions below are compiled.
count: Any = None
times: Any = None
transposed_times: Any = None
activation: Any = None
activation_backward: Any = None
normalise: Any = None
normalise_backward: Any = None


class Tensor(NamedTuple):
    """One tensor of the parameters: its shape, whether it holds weights, and whether these are of a
    hidden layer."""

    inputs: int
    outputs: int
    weights: bool = False
    hidden: bool = False

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.inputs * self.outputs


class Model(ABC):
    """A function from features to scores; inputs, outputs: number of features and of scores."""

    inputs: int
    outputs: int

    @property
    @abstractmethod
    def layout(self) -> Array:
        """Its shape for its halves: a one-dimensional int64 array, the number of outputs last."""

    @property
    @abstractmethod
    def parts(self) -> Sequence[Tensor]:
        """The tensors of the parameters, in their order."""

    @abstractmethod
    def initial(self, rng: np.random.Generator) -> Array:
        """Starting parameters (size,), float64."""

    @abstractmethod
    def room(self, samples: int) -> int:
        """Size of the `work` array that both halves need for so many samples."""

    @abstractmethod
    def halves(self, kind: ModuleType, build: Callable[..., Any] = specialised) -> tuple[Any, Any]:
        """`forward` and `backward` for the input of the module `kind`, dense or sparse."""

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(part.size for part in self.parts)

    @property
    def tensors(self) -> Array:
        """The tensors of the parameters, in the form of Problem.tensors."""
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
        """Start and stop of each weight tensor, (tensors, 2); penalties act on these."""
        return self.tensors[[part.weights for part in self.parts], :2]

    def scores(self, theta: Array, X: Array | CSR) -> Array:
        """Scores (samples, outputs) of X (samples, inputs) under the parameters theta (size,).

        Raises:
            ValueError: X or theta does not fit the model, or their dtypes differ.
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
    """The module that multiplies X: kernels.sparse or kernels.dense."""
    return sparse if isinstance(X, CSR) else dense


def forward(theta, layout, X, work, rate, state):
    """Of an MLP; layout: whether its layers are normalised, then the widths, the inputs first.

    `work` holds the activations of all layers, one after another; room for the gradients of two
    layers; then what activations and normalisation keep for the backward pass, for hidden layers.
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
    """Size of all hidden activations, and where in `work` the room behind the gradients starts."""
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
    initialization: how the weights are drawn; layer_norm: whether the input of each activation is
    normalised over the units of its layer.

    A layer has weights (inputs, outputs), gains (outputs,) if it is hidden and normalised, and
    biases (outputs,), which are added after the normalisation.
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
