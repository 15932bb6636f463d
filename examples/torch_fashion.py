"""PyTorch on Fashion-MNIST: schedules are searched too, and checkpoints outlive a kill.

    python examples/torch_fashion.py 'schedule=[cosine,one_cycle]' budget.trials=12 budget.epochs=6

It needs PyTorch, and Debian's package dataset-fashion-mnist.
"""

import gzip

import torch
from torch.nn import Conv2d, Dropout, Flatten, Linear, ReLU, Sequential
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

import tuner

ROWS, FILES = 4_000, "/usr/share/datasets/fashion-mnist/train-{}-ubyte.gz"
torch.set_num_threads(1)


def read(name, header):
    with gzip.open(FILES.format(name)) as file:
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8, offset=header)


images = read("images-idx3", 16).view(-1, 1, 28, 28)[: ROWS + 2_000] / 255
labels = read("labels-idx1", 8)[: ROWS + 2_000].long()


def fashion(
    lr: float = tuner.range(1e-3, 1.0, scale="log"), width: int = tuner.choices([8, 16]),
    batch: int = 100, *, epochs: int, seed: int, schedule, checkpoint,
):  # fmt: skip
    """Yields the losses of each epoch, once what it needs to go on is on disk."""
    torch.manual_seed(seed)
    layers = Conv2d(1, width, 5, 2), ReLU(), Conv2d(width, 2 * width, 3, 2), ReLU(), Flatten()
    net = Sequential(*layers, Dropout(0.1), Linear(50 * width, 10))
    optimizer, steps = torch.optim.SGD(net.parameters(), lr, momentum=0.9), ROWS // batch
    rates = LambdaLR(optimizer, lambda step: schedule(step, epochs * steps))
    parts, path = (net, optimizer, rates), checkpoint / "state.pt"
    if path.exists():
        for part, state in zip(parts, torch.load(path), strict=True):
            part.load_state_dict(state)
    for epoch in range(1 + rates.last_epoch // steps, epochs + 1):
        torch.manual_seed(1000 * seed + epoch)  # of order and dropout, also when it goes on
        losses = []
        for rows in torch.randperm(ROWS).split(batch):
            optimizer.zero_grad()
            losses.append(cross_entropy(net.train()(images[rows]), labels[rows]))
            losses[-1].backward()
            optimizer.step()
            rates.step()
        with torch.no_grad():
            loss = cross_entropy(net.eval()(images[ROWS:]), labels[ROWS:])
        torch.save([part.state_dict() for part in parts], path)
        yield {"epoch": epoch, "train_loss": sum(losses) / steps, "validation_loss": loss}


if __name__ == "__main__":
    tuner.main(fashion)
