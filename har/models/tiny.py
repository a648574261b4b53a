"""A very small net of separable convolutions, for weak phones and watches."""

from __future__ import annotations

from typing import Any

from har.models.ranges import CHANNELS, Choice, Real, Whole
from har.models.spec import ModelSpec


def tiny(
    x: Any, *, filters: int = 32, kernel: int = 9, blocks: int = 3, dropout: float = 0.1
) -> Any:
    import keras

    layers = keras.layers
    x = layers.Conv1D(filters, 5, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(momentum=0.9, name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    for i in range(blocks):
        x = layers.SeparableConv1D(
            filters, kernel, padding="same", use_bias=False, name=f"separable_{i}"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm_{i}")(x)
        x = layers.ReLU(name=f"relu_{i}")(x)
        if i < blocks - 1:
            x = layers.MaxPooling1D(2, name=f"pool_{i}")(x)
    x = layers.GlobalAveragePooling1D(name="average")(x)
    return layers.Dropout(dropout, name="dropout")(x) if dropout else x


def _weights(
    steps: int, channels: int, *, filters: int, kernel: int, blocks: int, dropout: float
) -> tuple[int, int]:
    del steps, dropout
    stem = 5 * channels * filters + 2 * filters
    return stem + blocks * (kernel * filters + filters * filters + 2 * filters), filters


SPEC = ModelSpec(
    name="tiny",
    summary="For weak phones and watches: well under 100 kB, about a third of cnn's time.",
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
