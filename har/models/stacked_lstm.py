"""Two LSTM layers as one stack of cells.

`RNN(StackedRNNCells([...]))` has the weights of two LSTM layers and gives the same numbers, in one
loop instead of two: on a phone it is several times faster.
"""

from __future__ import annotations

from typing import Any

from har.models.ranges import RECURRENT, Whole
from har.models.spec import ModelSpec


def stacked_lstm(
    x: Any, *, units: int = 64, layers: int = 2, frame: int = 4, dropout: float = 0.2
) -> Any:
    import keras

    from har.models.input_layers import Frames

    cells = [keras.layers.LSTMCell(units, name=f"cell_{i}") for i in range(layers)]
    if frame > 1:
        x = Frames(frame, name="frames")(x)
    x = keras.layers.RNN(keras.layers.StackedRNNCells(cells, name="cells"), name="stack")(x)
    return keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x


def _weights(
    steps: int, channels: int, *, units: int, layers: int, frame: int, dropout: float
) -> tuple[int, int]:
    del steps, dropout
    first = 4 * units * (channels * frame + units + 1)
    return first + (layers - 1) * 4 * units * (units + units + 1), units


SPEC = ModelSpec(
    name="stacked_lstm",
    summary="Two LSTMs on top of each other; more capacity where there are many people.",
    paper="Graves, Mohamed and Hinton 2013, doi:10.1109/ICASSP.2013.6638947",
    body=stacked_lstm,
    weights=_weights,
    module="har.models.stacked_lstm",
    space={**RECURRENT, "layers": Whole(2, 3)},
    faster_on_jax=True,
)
