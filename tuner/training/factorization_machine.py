"""Factorization machine (Rendle 2010): a linear model plus products of feature pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from tuner.training.kernels.compiling import compiled, specialised
from tuner.training.models import Model, Tensor, sum_samples

Array = np.ndarray

# Bound by `specialised` when the functions below are compiled.
count: Any = None
times: Any = None
squares_times: Any = None
transposed_times: Any = None
transposed_squares_times: Any = None

# Standard deviation of the initial factors, libFM's default.
DEVIATION = 0.1


@compiled
def views(theta, layout):
    """Weights (inputs, outputs), factors (inputs, outputs * factors), biases (outputs,)."""
    factors, inputs, outputs = layout[0], layout[1], layout[2]
    first = inputs * outputs
    last = first * (1 + factors)
    W = theta[:first].reshape(inputs, outputs)
    V = theta[first:last].reshape(inputs, outputs * factors)
    return W, V, theta[last : last + outputs]


@compiled
def rooms(work, layout, samples):
    """Views of `work`: scores and squares (samples, outputs), sums (samples, outputs * factors) and
    lengths (inputs, outputs). The scores come first."""
    factors, inputs, outputs = layout[0], layout[1], layout[2]
    first = samples * outputs
    scores = work[:first].reshape(samples, outputs)
    squares = work[first : 2 * first].reshape(samples, outputs)
    at = 2 * first + first * factors
    sums = work[2 * first : at].reshape(samples, outputs * factors)
    return scores, squares, sums, work[at : at + inputs * outputs].reshape(inputs, outputs)


@compiled
def square_lengths(V, out):
    """out (inputs, outputs) becomes the sum of the squares of V over the factors."""
    factors = V.shape[1] // out.shape[1]
    for i in range(out.shape[0]):
        for output in range(out.shape[1]):
            out[i, output] = 0
            for f in range(output * factors, (output + 1) * factors):
                out[i, output] += V[i, f] * V[i, f]


@compiled
def add_products(sums, squares, b, scores):
    """Adds the biases and the products of pairs to the scores."""
    factors, half = sums.shape[1] // scores.shape[1], scores.dtype.type(0.5)
    for sample in range(scores.shape[0]):
        for output in range(scores.shape[1]):
            total = -squares[sample, output]
            for f in range(output * factors, (output + 1) * factors):
                total += sums[sample, f] * sums[sample, f]
            scores[sample, output] += b[output] + half * total


@compiled
def weigh_sums(d, sums):
    """Multiplies sums (samples, outputs * factors) by the gradient d of their output's score."""
    factors = sums.shape[1] // d.shape[1]
    for sample in range(d.shape[0]):
        for output in range(d.shape[1]):
            for f in range(output * factors, (output + 1) * factors):
                sums[sample, f] *= d[sample, output]


@compiled
def take_own(V, shares, dV):
    """Subtracts from the gradient of the factors the products of features with themselves."""
    factors = V.shape[1] // shares.shape[1]
    for i in range(V.shape[0]):
        for output in range(shares.shape[1]):
            for f in range(output * factors, (output + 1) * factors):
                dV[i, f] -= V[i, f] * shares[i, output]


def forward(theta, layout, X, work, rate, state):
    """Rendle's linear-time form: the squares of the sums minus the sums of the squares, halved."""
    W, V, b = views(theta, layout)
    scores, squares, sums, lengths = rooms(work, layout, count(X))
    times(X, W, scores)
    times(X, V, sums)
    square_lengths(V, lengths)
    squares_times(X, lengths, squares)
    add_products(sums, squares, b, scores)
    return 0


def backward(theta, layout, X, work, scores_at, gradient, rate, state):
    """Gradients of weights, factors and biases, from the sums that `forward` left in `work`."""
    V = views(theta, layout)[1]
    dW, dV, db = views(gradient, layout)
    d, _, sums, shares = rooms(work, layout, count(X))
    sum_samples(d, db)
    transposed_times(X, d, dW)
    weigh_sums(d, sums)
    transposed_times(X, sums, dV)
    transposed_squares_times(X, d, shares)
    take_own(V, shares, dV)


@dataclass(frozen=True)
class FactorizationMachine(Model):
    """Of order 2: a score is b + sum_i w_i x_i + sum_(i<j) <v_i, v_j> x_i x_j.

    Each score has its own b, w and v. factors: the length of each v, the latent factors.
    """

    inputs: int
    outputs: int
    factors: int = 8

    @property
    def layout(self) -> Array:
        return np.array([self.factors, self.inputs, self.outputs], dtype=np.int64)

    @property
    def parts(self) -> Sequence[Tensor]:
        return [
            Tensor(self.inputs, self.outputs, weights=True),
            Tensor(self.inputs, self.outputs * self.factors, weights=True),
            Tensor(1, self.outputs),
        ]

    def initial(self, rng: np.random.Generator) -> Array:
        """Zero weights and biases; factors from a normal distribution of standard deviation 0.1,
        because their gradient is zero at zero."""
        weights = self.inputs * self.outputs
        factors = rng.normal(scale=DEVIATION, size=weights * self.factors)
        return np.concatenate([np.zeros(weights), factors, np.zeros(self.outputs)])

    def room(self, samples: int) -> int:
        return self.outputs * (samples * (2 + self.factors) + self.inputs)

    def halves(self, kind: ModuleType, build: Callable[..., Any] = specialised) -> tuple[Any, Any]:
        return (
            build(forward, count=kind.count, times=kind.times, squares_times=kind.squares_times),
            build(
                backward,
                count=kind.count,
                transposed_times=kind.transposed_times,
                transposed_squares_times=kind.transposed_squares_times,
            ),
        )
