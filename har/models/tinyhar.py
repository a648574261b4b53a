"""TinyHAR: convolutions of each axis, attention across axes, an LSTM, attention over its states.

As the paper's section 3 describes it, with 20 filters; in place of valid convolutions, ones that
keep the length.
"""

from __future__ import annotations

from typing import Any

from har.models.blocks import dropped
from har.models.ranges import CHANNELS, DROPOUT, Whole
from har.models.recurrent import convolution_weights, convolutions
from har.models.spec import ModelSpec


def tinyhar(x: Any, *, filters: int = 20, dropout: float = 0.0) -> Any:
    """Features of a window, shape (batch, 2 · filters)."""
    from keras import layers

    from har.models.tinyhar_layers import AxisAttention, StateAttention

    axes = x.shape[-1]
    x = convolutions(x, apart=True, filters=filters)
    x = layers.Reshape((x.shape[1], axes, filters), name="by_axis")(x)
    x = AxisAttention(name="axis_attention")(x)
    x = layers.Reshape((x.shape[1], axes * filters), name="joined")(x)
    x = layers.Dense(2 * filters, name="fusion")(x)
    x = layers.LSTM(2 * filters, return_sequences=True, name="lstm")(x)
    x = StateAttention(name="state_attention")(x)
    return dropped(x, dropout)


def _weights(_steps: int, channels: int, *, filters: int, **_others: Any) -> tuple[int, int]:
    wide = 2 * filters
    across = 3 * filters * filters + 1
    fusion = wide * (channels * filters + 1)
    lstm = 4 * wide * (wide + wide + 1)
    over = wide * (wide + 1) + wide + 1
    return convolution_weights(1, filters) + across + fusion + lstm + over, wide


SPEC = ModelSpec(
    name="tinyhar",
    summary="Convolutions of each axis, an LSTM and attention; small, good with few people.",
    paper="Zhou and others 2022 (TinyHAR), doi:10.1145/3544794.3558467",
    body=tinyhar,
    weights=_weights,
    module="har.models.tinyhar",
    layers="har.models.tinyhar_layers",
    space={"channels": CHANNELS, "filters": Whole(12, 32, 4), "dropout": DROPOUT},
    faster_on_jax=True,
)
