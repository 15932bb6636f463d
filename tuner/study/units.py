"""The units of losses, for the axes of plots."""

UNITS = {
    "binary": "cross-entropy (nats)",
    "multiclass": "cross-entropy (nats)",
    "multilabel": "cross-entropy (nats)",
    "regression": "half squared error (standardised targets)",
    "function": "f(x)",
}
TRANSFORMED = "half squared error (transformed, standardised targets)"
