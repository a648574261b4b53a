"""A GRU and a convolutional net side by side on the same channels; their features together."""

from __future__ import annotations

from typing import Any

from har.models import cnn, recurrent
from har.models.blocks import dropped
from har.models.ranges import CHANNELS, DROPOUT, KERNEL, Choice, Whole
from har.models.spec import ModelSpec


def gru_fcn(
    x: Any,
    *,
    filters: int = 64,
    kernel: int = 7,
    units: int = 64,
    frame: int = 4,
    dropout: float = 0.3,
) -> Any:
    from keras.layers import Concatenate

    patterns = cnn.cnn(x, filters=filters, kernel=kernel, dropout=0.0)
    order = recurrent.GRU.body(x, units=units, front="none", frame=frame, dropout=0.0)
    return dropped(Concatenate(name="both")([patterns, order]), dropout)


def _weights(
    steps: int, channels: int, *, units: int, frame: int, **of_cnn: Any
) -> tuple[int, int]:
    assert cnn.SPEC.weights is not None
    assert recurrent.GRU.weights is not None
    a, of_a = cnn.SPEC.weights(steps, channels, blocks=3, **of_cnn)
    plain = recurrent.GRU.defaults | {"units": units, "frame": frame, "front": "none"}
    del plain["channels"]
    b, of_b = recurrent.GRU.weights(steps, channels, **plain)
    return a + b, of_a + of_b


SPEC = ModelSpec(
    name="gru_fcn",
    summary="cnn and gru in parallel, where each is better for some people; takes both times.",
    paper="Karim and others 2018 (LSTM-FCN), doi:10.1109/ACCESS.2017.2779939; Elsayed and others "
    "2018 (GRU-FCN), arXiv:1812.07683; here over frames in place of their transposed input",
    body=gru_fcn,
    weights=_weights,
    shortest=lambda *, frame, **_: max(4, frame),
    module="har.models.gru_fcn",
    space={
        "channels": CHANNELS,
        "units": Whole(32, 128, 16),
        "frame": Choice((1, 2, 4, 8)),
        "filters": Whole(32, 128, 16),
        "kernel": KERNEL,
        "dropout": DROPOUT,
    },
    faster_on_jax=True,
)
