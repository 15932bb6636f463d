"""The language of rules besides arithmetic: given values, sums, functions of a tensor.

On NumPy arrays the functions run as written here, for the parameters of one tensor. In a compiled
pass, `kernels.rule_compiler` replaces them by loops and by the functions of kernels.tensors.
A tensor is the weights (inputs, outputs) or the biases (1, outputs) of a layer.
"""

import numpy as np

# Parameters that a rule may have between t and lr: the loss of this step and the number of all
# steps; the shape of the tensor, and whether it is a weight matrix of a hidden layer.
GIVEN_TO_ROWS = ("loss", "T")
GIVEN_TO_TENSORS = ("inputs", "outputs", "hidden")


def row_sum(x):
    """The sum over all parameters of a row: a number."""
    return np.sum(x)


def tensor_sum(x):
    """The sum over one tensor: a number."""
    return np.sum(x)


def tensor_mean(x):
    """The mean over one tensor: a number."""
    return np.mean(x)


def input_mean(x):
    """Replaces every number by the mean over all inputs of its output (its column)."""
    return np.broadcast_to(np.mean(np.atleast_2d(x), axis=0), np.atleast_2d(x).shape)


def output_mean(x):
    """Replaces every number by the mean over all outputs of its input (its row)."""
    means = np.mean(np.atleast_2d(x), axis=1, keepdims=True)
    return np.broadcast_to(means, np.atleast_2d(x).shape)


def orthogonalize(x, steps):
    """Moves x towards the nearest semi-orthogonal matrix by quintic Newton-Schulz iterations.

    Jordan et al. 2024 (Muon): coefficients 3.4445, -4.7750, 2.0315 on x over its Frobenius norm.
    """
    y = x.T if x.shape[0] > x.shape[1] else x
    y = y / max(np.linalg.norm(y), 1e-7)
    for _ in range(int(steps)):
        gram = y @ y.T
        y = 3.4445 * y + (-4.775 * gram + 2.0315 * gram @ gram) @ y
    return y.T if x.shape[0] > x.shape[1] else y
