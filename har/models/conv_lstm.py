"""Convolutions that find short patterns, and an LSTM over their sequence."""

from __future__ import annotations

from typing import Any

from har.models.ranges import CHANNELS, DROPOUT, KERNEL, Whole
from har.models.spec import ModelSpec


def conv_lstm(
    x: Any, *, filters: int = 48, kernel: int = 7, units: int = 64, dropout: float = 0.3
) -> Any:
    import keras

    layers = keras.layers
    for i in range(2):
        x = layers.Conv1D(filters, kernel, padding="same", use_bias=False, name=f"conv_{i}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm_{i}")(x)
        x = layers.ReLU(name=f"relu_{i}")(x)
        x = layers.MaxPooling1D(2, name=f"pool_{i}")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout_patterns")(x)
    x = layers.LSTM(units, name="lstm")(x)
    return layers.Dropout(dropout, name="dropout")(x) if dropout else x


def _weights(
    steps: int, channels: int, *, filters: int, kernel: int, units: int, dropout: float
) -> tuple[int, int]:
    del steps, dropout
    convolutions = kernel * filters * (channels + filters) + 2 * 2 * filters
    return convolutions + 4 * units * (filters + units + 1), units


SPEC = ModelSpec(
    name="conv_lstm",
    summary="Convolutions under an LSTM; where order over a second or more matters.",
    paper="Ordóñez and Roggen 2016 (DeepConvLSTM), doi:10.3390/s16010115; two convolutions with "
    "pooling and one LSTM instead of four and two",
    body=conv_lstm,
    weights=_weights,
    shortest=lambda **_: 4,
    module="har.models.conv_lstm",
    space={
        "channels": CHANNELS,
        "filters": Whole(32, 96, 16),
        "kernel": KERNEL,
        "units": Whole(32, 128, 16),
        "dropout": DROPOUT,
    },
    faster_on_jax=True,
)
