"""Units: what the loss of a task is measured in, for the axes of pictures."""

UNITS = {
    "binary": "cross-entropy (nats)",
    "multiclass": "cross-entropy (nats)",
    "multilabel": "cross-entropy (nats)",
    "regression": "half squared error (standardised targets)",
    "function": "f(x)",
}
TRANSFORMED = "half squared error (transformed, standardised targets)"
