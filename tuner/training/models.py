"""Models: from the parameters of a row to scores, and back to gradients.

A model's parameters lie in a row of `theta: (rows, size)`, layer after layer, the weights
(inputs, outputs) before the biases (outputs,). One compiled call takes all rows of a block through
a step, row after row, so that what a row computes stays in the cache and no two rows meet.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  (numba's dot needs it, and threads are limited by then)

from tuner.training import activations
from tuner.training.compiling import compiled, specialised
from tuner.training.losses import Loss

Array = np.ndarray

# What `specialised` gives to the functions below.
activation: Any = None
activation_backward: Any = None
network_forward: Any = None
network_backward: Any = None
loss: Any = None
hits: Any = None


def forward(theta, widths, X, work):
    """Leaves the activations of all layers in `work`, one after another.

    theta: (size,); widths: (layers + 1,), the inputs first; X: (samples, inputs), C-contiguous;
    returns where the scores (samples, outputs) start in `work`.
    """
    samples, last = X.shape[0], widths.shape[0] - 2
    at, below, start = 0, 0, 0
    for layer in range(last + 1):
        i, o = widths[layer], widths[layer + 1]
        W = theta[at : at + i * o].reshape(i, o)
        b = theta[at + i * o : at + i * o + o]
        z = work[start : start + samples * o].reshape(samples, o)
        if layer == 0:
            np.dot(X, W, z)
        else:
            np.dot(work[below : below + samples * i].reshape(samples, i), W, z)
        if layer == last:
            activations.identity(z, b)
        else:
            activation(z, b)
        at, below, start = at + i * o + o, start, start + samples * o
    return below


def backward(theta, widths, X, work, scores_at, gradient):
    """Writes the gradient (size,) from that of the scores, which stands in `work`."""
    samples, last = X.shape[0], widths.shape[0] - 2
    at, above, below = theta.shape[0], scores_at, scores_at
    free = scores_at + samples * widths[last + 1]
    widest = 0
    for layer in range(1, last + 1):
        widest = max(widest, widths[layer])
    spare = free + samples * widest
    for layer in range(last, -1, -1):
        i, o = widths[layer], widths[layer + 1]
        at -= i * o + o
        d = work[above : above + samples * o].reshape(samples, o)
        dW = gradient[at : at + i * o].reshape(i, o)
        sum_samples(d, gradient[at + i * o : at + i * o + o])
        if layer == 0:
            np.dot(X.T, d, dW)
        else:
            below -= samples * i
            a = work[below : below + samples * i].reshape(samples, i)
            np.dot(a.T, d, dW)
            d_below = work[free : free + samples * i].reshape(samples, i)
            np.dot(d, theta[at : at + i * o].reshape(i, o).T, d_below)
            activation_backward(a, d_below)
            above, free, spare = free, spare, free


@compiled
def sum_samples(d, out):
    """out (units,) becomes the sum of d (samples, units) over its samples."""
    for unit in range(d.shape[1]):
        out[unit] = d[0, unit]
    for sample in range(1, d.shape[0]):
        for unit in range(d.shape[1]):
            out[unit] += d[sample, unit]


@compiled
def gather(source, batch, out):
    """out[i] becomes source[batch[i]]; both C-contiguous.

    Number by number: an assignment of rows would make numba compile its error messages too.
    """
    width = source.size // source.shape[0]
    numbers, copies = source.reshape(source.size), out.reshape(out.size)
    for sample in range(batch.shape[0]):
        start = batch[sample] * width
        for i in range(width):
            copies[sample * width + i] = numbers[start + i]


def step(theta, gradient, left_at, widths, X, y, batch, X_batch, y_batch, work, losses):
    """Losses and gradients of one batch, for all rows that have not left.

    batch: (samples,) indices into X (n, inputs) and y; X_batch, y_batch, work: room for a batch;
    gradient: (rows, size), that of the mean loss; losses: (rows,), the mean loss.
    """
    samples = batch.shape[0]
    gather(X, batch, X_batch)
    gather(y, batch, y_batch)
    for row in range(theta.shape[0]):
        if left_at[row] != 0.0:
            continue
        scores_at = network_forward(theta[row], widths, X_batch[:samples], work)
        scores = work[scores_at : scores_at + samples * widths[-1]].reshape(samples, widths[-1])
        losses[row] = loss(scores, y_batch[:samples]) / samples
        network_backward(theta[row], widths, X_batch[:samples], work, scores_at, gradient[row])


def evaluate(theta, left_at, widths, X, y, chunk, work, losses, scores_hit):
    """Adds to (rows,) losses and hits those of all samples of X (n, inputs), by chunks."""
    for row in range(theta.shape[0]):
        if left_at[row] != 0.0:
            continue
        for start in range(0, X.shape[0], chunk):
            X_part, y_part = X[start : start + chunk], y[start : start + chunk]
            samples = X_part.shape[0]
            scores_at = network_forward(theta[row], widths, X_part, work)
            scores = work[scores_at : scores_at + samples * widths[-1]].reshape(samples, widths[-1])
            scores_hit[row] += hits(scores, y_part)
            losses[row] += loss(scores, y_part)


@dataclass(frozen=True)
class MLP:
    """A fully connected network; without hidden layers it is a linear model.

    inputs, outputs: numbers of features and of scores; hidden: widths of the hidden layers;
    activation: a name in tuner.training.activations.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = ()
    activation: str = "relu"

    @property
    def widths(self) -> Array:
        return np.array([self.inputs, *self.hidden, self.outputs])

    @property
    def size(self) -> int:
        return int(sum(i * o + o for i, o in pairwise(self.widths)))

    @property
    def tensors(self) -> Array:
        """Weights and biases in turn: start, stop, inputs, outputs, whether a hidden matrix."""
        rows, start = [], 0
        for layer, (i, o) in enumerate(pairwise(self.widths)):
            hidden = layer < len(self.hidden)
            rows.append((start, start + i * o, i, o, hidden))
            rows.append((start + i * o, start + i * o + o, 1, o, False))
            start += i * o + o
        return np.array(rows, dtype=np.int64)

    def initial(self, rng: np.random.Generator) -> Array:
        """Starting parameters (size,), float64: zero biases, and weights uniform within
        sqrt(6 / (inputs + outputs)) of each layer (Glorot & Bengio 2010, equation 16), with 2 in
        place of 6 for the logistic activation, as scikit-learn draws them. A linear model starts
        at zero.
        """
        gain = (2.0 if self.activation == "logistic" else 6.0) if self.hidden else 0.0
        parts = []
        for i, o in pairwise(self.widths):
            bound = np.sqrt(gain / (i + o))
            parts += [rng.uniform(-bound, bound, i * o), np.zeros(o)]
        return np.concatenate(parts)

    def room(self, samples: int) -> int:
        """Numbers that a forward and a backward pass need to keep for so many samples."""
        return int(samples * (self.widths[1:].sum() + 2 * self.widths[1:].max()))

    def scores(self, theta: Array, X: Array) -> Array:
        """Scores (samples, outputs) of X (samples, inputs) under the parameters theta (size,)."""
        work = np.empty(self.room(len(X)), theta.dtype)
        start = network(self.activation)[0](theta, self.widths, X, work)
        return work[start : start + len(X) * self.outputs].reshape(len(X), self.outputs)


@cache
def network(activation: str) -> tuple[Any, Any]:
    """`forward` and `backward`, compiled for an activation."""
    there, back = activations.load(activation)
    return (
        specialised(forward, activation=there),
        specialised(backward, activation_backward=back),
    )


@cache
def passes(activation: str, loss: Loss) -> tuple[Any, Any]:
    """`step` and `evaluate`, compiled for an activation and a loss."""
    there, back = network(activation)
    return (
        specialised(step, network_forward=there, network_backward=back, loss=loss.value),
        specialised(evaluate, network_forward=there, loss=loss.value, hits=loss.hits),
    )
