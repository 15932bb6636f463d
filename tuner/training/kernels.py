"""Compiled sweeps of the forward and backward passes: bias, activation, softmax, column sums.

All take arrays with a leading axis of rows and run over each row in the same order, so that a row's
numbers do not depend on its neighbours. Loops over elements vectorize; reductions are sequential
within a sample or a column.
"""

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})


@compiled
def add_bias(z, b):
    """Adds b (rows, 1, units) to z (rows, samples, units) in place."""
    for row in range(z.shape[0]):
        for sample in range(z.shape[1]):
            for unit in range(z.shape[2]):
                z[row, sample, unit] += b[row, 0, unit]


@compiled
def add_bias_relu(z, b):
    """max(z + b, 0) in place; nan stays nan."""
    zero = z.dtype.type(0)
    for row in range(z.shape[0]):
        for sample in range(z.shape[1]):
            for unit in range(z.shape[2]):
                a = z[row, sample, unit] + b[row, 0, unit]
                z[row, sample, unit] = zero if a < zero else a


@compiled
def relu_backward(a, d):
    """d (rows, samples, units) times the derivative of relu, told from its output a, in place."""
    zero = d.dtype.type(0)
    for row in range(d.shape[0]):
        for sample in range(d.shape[1]):
            for unit in range(d.shape[2]):
                d[row, sample, unit] = (
                    zero if a[row, sample, unit] <= zero else d[row, sample, unit]
                )


@compiled
def tanh_backward(a, d):
    """d times 1 - a**2 in place."""
    one = d.dtype.type(1)
    for row in range(d.shape[0]):
        for sample in range(d.shape[1]):
            for unit in range(d.shape[2]):
                h = a[row, sample, unit]
                d[row, sample, unit] *= one - h * h


@compiled
def logistic_backward(a, d):
    """d times a * (1 - a) in place."""
    one = d.dtype.type(1)
    for row in range(d.shape[0]):
        for sample in range(d.shape[1]):
            for unit in range(d.shape[2]):
                h = a[row, sample, unit]
                d[row, sample, unit] *= h * (one - h)


@compiled
def sum_samples(d, out):
    """out (rows, 1, units) becomes the sum of d (rows, samples, units) over its samples."""
    for row in range(d.shape[0]):
        for unit in range(d.shape[2]):
            out[row, 0, unit] = d[row, 0, unit]
        for sample in range(1, d.shape[1]):
            for unit in range(d.shape[2]):
                out[row, 0, unit] += d[row, sample, unit]


@compiled
def shift_by_maximum(scores):
    """Subtracts from each sample's scores their maximum, in place; nan spreads over the sample."""
    for row in range(scores.shape[0]):
        for sample in range(scores.shape[1]):
            highest = scores[row, sample, 0]
            for k in range(1, scores.shape[2]):
                s = scores[row, sample, k]
                highest = s if s > highest or s != s else highest
            for k in range(scores.shape[2]):
                scores[row, sample, k] -= highest


@compiled
def true_scores(scores, y, out):
    """Adds to out (rows,) the scores of the true classes y (samples,), as float64."""
    for row in range(scores.shape[0]):
        total = 0.0
        for sample in range(scores.shape[1]):
            total += scores[row, sample, y[sample]]
        out[row] += total


@compiled
def normalize_softmax(p, y, log_sums):
    """From exp(scores) to the gradient of the mean cross-entropy, in place.

    p (rows, samples, classes) becomes (softmax - one_hot(y)) / samples; log_sums (rows,) becomes
    the sum of the logarithms of the normalizers.
    """
    one = p.dtype.type(1)
    scale = one / p.dtype.type(p.shape[1])
    for row in range(p.shape[0]):
        total = 0.0
        for sample in range(p.shape[1]):
            normalizer = p[row, sample, 0]
            for k in range(1, p.shape[2]):
                normalizer += p[row, sample, k]
            total += np.log(np.float64(normalizer))
            factor = scale / normalizer
            for k in range(p.shape[2]):
                p[row, sample, k] *= factor
            p[row, sample, y[sample]] -= scale
        log_sums[row] = total


@compiled
def count_highest(scores, y, out):
    """out (rows,) becomes the number of samples whose highest score is that of class y."""
    for row in range(scores.shape[0]):
        correct = 0
        for sample in range(scores.shape[1]):
            best = 0
            for k in range(1, scores.shape[2]):
                if scores[row, sample, k] > scores[row, sample, best]:
                    best = k
            correct += best == y[sample]
        out[row] = correct


@compiled
def logistic_loss(scores, y, losses):
    """Binary cross-entropy of one score a sample; scores become the gradient of its mean.

    losses (rows,) becomes the sum over the samples of log(1 + exp(-margin)), computed without
    overflow from exp(-|score|).
    """
    one = scores.dtype.type(1)
    scale = one / scores.dtype.type(scores.shape[1])
    for row in range(scores.shape[0]):
        total = 0.0
        for sample in range(scores.shape[1]):
            s = scores[row, sample, 0]
            e = np.exp(-abs(s))
            positive = one / (one + e) if s >= 0 else e / (one + e)
            total += max(s, scores.dtype.type(0)) + np.log1p(np.float64(e))
            if y[sample] == 1:
                total -= s
                positive -= one
            scores[row, sample, 0] = positive * scale if s == s else s
        losses[row] = total


@compiled
def count_signs(scores, y, out):
    """out (rows,) becomes the number of samples whose score is above zero just where y is 1."""
    for row in range(scores.shape[0]):
        correct = 0
        for sample in range(scores.shape[1]):
            correct += (scores[row, sample, 0] > 0) == (y[sample] == 1)
        out[row] = correct


@compiled
def squared_error(scores, y, losses):
    """Half the squared error summed over outputs; scores become the gradient of its mean.

    y: (samples, outputs); losses (rows,) becomes the sum over the samples.
    """
    half = 0.5
    scale = scores.dtype.type(1) / scores.dtype.type(scores.shape[1])
    for row in range(scores.shape[0]):
        total = 0.0
        for sample in range(scores.shape[1]):
            for output in range(scores.shape[2]):
                error = scores[row, sample, output] - y[sample, output]
                total += half * np.float64(error) * np.float64(error)
                scores[row, sample, output] = error * scale
        losses[row] = total


@compiled
def update_ratio(before, after, out):
    """out (rows,) becomes |after - before| / |after| of rows (rows, size), 0 where both are 0."""
    for row in range(before.shape[0]):
        change, size = 0.0, 0.0
        for i in range(before.shape[1]):
            d = np.float64(after[row, i]) - np.float64(before[row, i])
            change += d * d
            size += np.float64(after[row, i]) ** 2
        out[row] = np.sqrt(change / size) if change > 0 or size != size else 0.0
