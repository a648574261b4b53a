"""The same networks in PyTorch, trained the same way: see `steps.py`, whose protocol this speaks.

PYTHON-WITH-TORCH tests/benchmarks/torch_steps.py MODEL N_TAPS. Plain as in a tutorial: Adam, cross
entropy, batches drawn from one array of windows; the filter, the magnitude and the standardisation
are in the network, as they are in ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from steps import BATCH, N_CLASSES, N_WINDOWS, T, serve
from torch import nn

UNITS, FRAME = 64, 4


class Conditioned(nn.Module):
    """Filter, magnitude, standardisation; then a body from (batch, T, 4) to features."""

    def __init__(self, body: nn.Module, features: int, n_taps: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("taps", torch.full((3, 1, n_taps), 1 / n_taps))
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("std", torch.ones(4))
        self.body, self.dropout = body, nn.Dropout(dropout)
        self.out = nn.Linear(features, N_CLASSES)

    def forward(self, x: Any) -> Any:
        x = nn.functional.conv1d(x.transpose(1, 2), self.taps, groups=3).transpose(1, 2)
        x = torch.cat([x, ((x * x).sum(-1, keepdim=True) + 1e-12).sqrt()], dim=-1)
        return self.out(self.dropout(self.body((x - self.mean) / self.std)))


class Recurrent(nn.Module):
    """Four samples a step; the last state of each direction."""

    def __init__(self, layer: type, both: bool = False) -> None:
        super().__init__()
        self.layer = layer(4 * FRAME, UNITS, batch_first=True, bidirectional=both)

    def forward(self, x: Any) -> Any:
        _, last = self.layer(x.reshape(len(x), T // FRAME, 4 * FRAME))
        last = last[0] if isinstance(last, tuple) else last
        return torch.cat(tuple(last), dim=-1)


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(3):
            layers += [
                nn.Conv1d(4 if i == 0 else 64, 64, 7, padding="same", bias=False),
                nn.BatchNorm1d(64, momentum=0.1, eps=1e-3),
                nn.ReLU(),
            ]
            if i < 2:
                layers.append(nn.MaxPool1d(2))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return self.layers(x.transpose(1, 2)).mean(dim=-1)


NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "lstm": lambda n: Conditioned(Recurrent(nn.LSTM), UNITS, n, 0.2),
    "bilstm": lambda n: Conditioned(Recurrent(nn.LSTM, both=True), 2 * UNITS, n, 0.2),
    "gru": lambda n: Conditioned(Recurrent(nn.GRU), UNITS, n, 0.2),
    "cnn": lambda n: Conditioned(Convolutional(), 64, n, 0.3),
}


def main(name: str, n_taps: int) -> None:
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 3, (N_WINDOWS, T + n_taps - 1, 3)).astype(np.float32))
    y = torch.from_numpy(rng.integers(0, N_CLASSES, N_WINDOWS))
    model = NETWORKS[name](n_taps)
    optimizer, loss = torch.optim.Adam(model.parameters(), 2e-3), nn.CrossEntropyLoss()

    def epoch() -> None:
        for batch in torch.randperm(N_WINDOWS).split(BATCH):
            optimizer.zero_grad()
            loss(model(x[batch]), y[batch]).backward()
            optimizer.step()

    serve(epoch)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
