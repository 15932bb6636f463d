"""AdamW: Adam with the weight decay taken out of the gradient and applied to the weights.

Loshchilov & Hutter (2019), Algorithm 2, in PyTorch's form: the decay is `lr * weight_decay`, so it
follows the schedule of the rate (the paper scales both by a common schedule multiplier instead).
The step itself is Adam's.

>>> adamw(1.0, 0.5, 0.0, 0.0, t=1, lr=0.1) == adam(1.0, 0.5, 0.0, 0.0, t=1, lr=0.1)
True
"""

from tuner.training.optimizers.adam import adam

DECOUPLED = True
adamw = adam
