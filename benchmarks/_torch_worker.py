"""Trains one network in PyTorch, an epoch for each line it reads, and answers with its seconds.

The first line is JSON: the .npz file with X and y, the widths, the batch size, "adam" or "sgd",
and "relu" or "tanh". The script needs only NumPy and PyTorch, so it may run in another environment
than the benchmark that starts it.
"""

import json
import sys
import time
from itertools import pairwise

import numpy as np
import torch


def main() -> None:
    told = json.loads(sys.stdin.readline())
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with np.load(told["data"]) as data:
        X, y = torch.from_numpy(data["X"]), torch.from_numpy(data["y"])
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[told["activation"]]
    layers: list[torch.nn.Module] = []
    for i, o in pairwise(told["widths"]):
        layers += [torch.nn.Linear(i, o), activation()]
    model, loss = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    rule = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[told["optimizer"]]
    optimizer = rule(model.parameters(), lr=1e-3)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        for batch in torch.randperm(len(y)).split(told["batch_size"]):
            optimizer.zero_grad()
            loss(model(X[batch]), y[batch]).backward()
            optimizer.step()
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


if __name__ == "__main__":
    main()
