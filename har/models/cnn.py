"""A plain 1D convolutional net: three convolutions, each halving time, and an average over time."""

from __future__ import annotations

from typing import Any

from har.models.blocks import averaged, convolved
from har.models.ranges import CHANNELS, DROPOUT, KERNEL, Whole
from har.models.spec import ModelSpec


def cnn(
    x: Any, *, filters: int = 64, kernel: int = 7, blocks: int = 3, dropout: float = 0.3
) -> Any:
    from keras.layers import Conv1D

    for i in range(blocks):
        conv = Conv1D(filters, kernel, padding="same", use_bias=False, name=f"conv_{i}")
        x = convolved(x, conv, i, halve=i < blocks - 1)
    return averaged(x, dropout)


def _weights(
    _steps: int, channels: int, *, filters: int, kernel: int, blocks: int, **_others: Any
) -> tuple[int, int]:
    convolutions = kernel * filters * (channels + (blocks - 1) * filters)
    return convolutions + blocks * 2 * filters, filters  # 2: scale and shift of the normalisation


SPEC = ModelSpec(
    name="cnn",
    summary="Start here: accurate, quick to train and fast on the phone.",
    paper="Wang, Yan and Oates 2017 (FCN), doi:10.1109/IJCNN.2017.7966039; here with pooling",
    body=cnn,
    weights=_weights,
    shortest=lambda *, blocks, **_: 2 ** (blocks - 1),
    module="har.models.cnn",
    space={
        "channels": CHANNELS,
        "filters": Whole(32, 128, 16),
        "kernel": KERNEL,
        "blocks": Whole(2, 4),
        "dropout": DROPOUT,
    },
)
