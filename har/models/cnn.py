"""A plain 1D convolutional net: three convolutions, each halving time, and an average over time."""

from __future__ import annotations

from typing import Any

from har.models.ranges import CHANNELS, DROPOUT, KERNEL, Whole
from har.models.spec import ModelSpec


def cnn(
    x: Any, *, filters: int = 64, kernel: int = 7, blocks: int = 3, dropout: float = 0.3
) -> Any:
    import keras

    layers = keras.layers
    for i in range(blocks):
        x = layers.Conv1D(filters, kernel, padding="same", use_bias=False, name=f"conv_{i}")(x)
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
    convolutions = kernel * filters * (channels + (blocks - 1) * filters)
    return convolutions + blocks * 2 * filters, filters  # 2: scale and shift of the normalisation


SPEC = ModelSpec(
    name="cnn",
    summary="The first to try: accurate, quick to train, quick on the phone.",
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
