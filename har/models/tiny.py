"""A very small net of separable convolutions, for weak phones and watches."""

from __future__ import annotations

from typing import Any

from har.models.blocks import averaged, convolved
from har.models.ranges import CHANNELS, Choice, Real, Whole
from har.models.spec import ModelSpec


def tiny(
    x: Any, *, filters: int = 32, kernel: int = 9, blocks: int = 3, dropout: float = 0.1
) -> Any:
    from keras import layers

    x = layers.Conv1D(filters, 5, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(momentum=0.9, name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    for i in range(blocks):
        separable = layers.SeparableConv1D(
            filters, kernel, padding="same", use_bias=False, name=f"separable_{i}"
        )
        x = convolved(x, separable, i, halve=i < blocks - 1)
    return averaged(x, dropout)


def _weights(
    _steps: int, channels: int, *, filters: int, kernel: int, blocks: int, **_others: Any
) -> tuple[int, int]:
    stem = 5 * channels * filters + 2 * filters
    return stem + blocks * (kernel * filters + filters * filters + 2 * filters), filters


SPEC = ModelSpec(
    name="tiny",
    summary="For slow phones and watches: well under 100 kB, about a third of cnn's time.",
    paper="Howard and others 2017 (MobileNets), arXiv:1704.04861, section 3.1",
    body=tiny,
    weights=_weights,
    shortest=lambda *, blocks, **_: 2**blocks - 1,
    module="har.models.tiny",
    space={
        "channels": CHANNELS,
        "filters": Whole(16, 48, 8),
        "kernel": Choice((5, 7, 9, 11)),
        "blocks": Whole(2, 4),
        "dropout": Real(0.0, 0.3),
    },
)
