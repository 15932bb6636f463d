"""Models: from views of a population's parameters to scores, and back to gradients.

A model's parameters lie in the rows of one matrix `theta: (rows, size)`, layer after layer; the
model sees views of it, weights (rows, inputs, outputs) and biases (rows, 1, outputs).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from tuner.training import kernels

Array = np.ndarray


@dataclass(frozen=True)
class Activation:
    """A nonlinearity in two in-place halves, and the gain of its Glorot initialisation.

    forward(z, b): z becomes the activation of z + b; backward(a, d): d is multiplied by the
    derivative, told from the activation a.
    """

    forward: Callable[[Array, Array], None]
    backward: Callable[[Array, Array], None]
    gain: float


def _tanh(z: Array, b: Array) -> None:
    kernels.add_bias(z, b)
    np.tanh(z, out=z)


def _logistic(z: Array, b: Array) -> None:
    kernels.add_bias(z, b)
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


ACTIVATIONS = {
    "relu": Activation(kernels.add_bias_relu, kernels.relu_backward, 6.0),
    "tanh": Activation(_tanh, kernels.tanh_backward, 6.0),
    "logistic": Activation(_logistic, kernels.logistic_backward, 2.0),
}


class Buffers(dict[tuple[Any, ...], Array]):
    """Arrays kept from one step to the next: `buffers["z", 3, 5]` is that for z of shape (3, 5)."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype

    def __missing__(self, key: tuple[Any, ...]) -> Array:
        self[key] = np.empty(key[1:], self.dtype)
        return self[key]


@dataclass(frozen=True)
class MLP:
    """A fully connected network; without hidden layers it is a linear model.

    inputs, outputs: numbers of features and of scores; hidden: widths of the hidden layers;
    activation: a name in ACTIVATIONS.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = ()
    activation: str = "relu"

    @property
    def layers(self) -> list[tuple[int, int]]:
        widths = (self.inputs, *self.hidden, self.outputs)
        return list(pairwise(widths))

    @property
    def size(self) -> int:
        return sum(i * o + o for i, o in self.layers)

    def initial(self, rng: np.random.Generator) -> Array:
        """Starting parameters (size,), float64: zero biases, weights as scikit-learn's MLP draws
        them, uniform in +-sqrt(gain / (inputs + outputs)) (Glorot & Bengio 2010); a linear model
        starts at zero.
        """
        gain = ACTIVATIONS[self.activation].gain if self.hidden else 0.0
        parts = []
        for i, o in self.layers:
            bound = np.sqrt(gain / (i + o))
            parts += [rng.uniform(-bound, bound, i * o), np.zeros(o)]
        return np.concatenate(parts)

    def views(self, theta: Array) -> list[tuple[Array, Array]]:
        """Weights and biases of each layer, as views of theta (rows, size)."""
        rows, start, views = len(theta), 0, []
        for i, o in self.layers:
            parts = []
            for shape in ((i, o), (1, o)):
                stop = start + prod(shape)
                parts.append(theta[:, start:stop].reshape(rows, *shape, copy=False))
                start = stop
            views.append((parts[0], parts[1]))
        return views

    def forward(
        self, parameters: list[tuple[Array, Array]], X: Array, buffers: Buffers
    ) -> tuple[Array, Callable[[Array, list[tuple[Array, Array]]], None]]:
        """Scores (rows, samples, outputs) of X (samples, inputs), and the way back.

        `backward(d, gradients)` takes the gradient with respect to the scores and writes that with
        respect to the parameters into `gradients`, views like `parameters`. Both use the buffers,
        so a result stands until the next call.
        """
        activation = ACTIVATIONS[self.activation]
        rows, samples, last = len(parameters[0][0]), len(X), len(parameters) - 1
        inputs = [X]
        for layer, (W, b) in enumerate(parameters):
            z = buffers[f"z{layer}", rows, samples, W.shape[2]]
            np.matmul(inputs[-1], W, out=z)
            (kernels.add_bias if layer == last else activation.forward)(z, b)
            inputs.append(z)

        def backward(d: Array, gradients: list[tuple[Array, Array]]) -> None:
            for layer in range(last, -1, -1):
                a = inputs[layer]
                dW, db = gradients[layer]
                np.matmul(a.swapaxes(-1, -2), d, out=dW)
                kernels.sum_samples(d, db)
                if layer:
                    below = buffers[f"d{layer}", *a.shape]
                    np.matmul(d, parameters[layer][0].swapaxes(1, 2), out=below)
                    activation.backward(a, below)
                    d = below

        return inputs[-1], backward
