"""Convolutions that find short patterns, and an LSTM over their sequence."""

from __future__ import annotations

from typing import Any

from har.models.blocks import convolved, dropped
from har.models.ranges import CHANNELS, DROPOUT, KERNEL, Whole
from har.models.spec import ModelSpec


def conv_lstm(
    x: Any, *, filters: int = 48, kernel: int = 7, units: int = 64, dropout: float = 0.3
) -> Any:
    from keras.layers import LSTM, Conv1D, Dropout

    for i in range(2):
        conv = Conv1D(filters, kernel, padding="same", use_bias=False, name=f"conv_{i}")
        x = convolved(x, conv, i)
    if dropout:
        x = Dropout(dropout, name="dropout_patterns")(x)
    return dropped(LSTM(units, name="lstm")(x), dropout)


def _weights(
    _steps: int, channels: int, *, filters: int, kernel: int, units: int, **_others: Any
) -> tuple[int, int]:
    convolutions = kernel * filters * (channels + filters) + 2 * 2 * filters
    return convolutions + 4 * units * (filters + units + 1), units


SPEC = ModelSpec(
    name="conv_lstm",
    summary="Convolutions, then an LSTM; for movements whose order over a second matters.",
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
