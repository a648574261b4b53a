"""An LSTM whose gates see the cell state: for rhythms that are told apart by their timing."""

from __future__ import annotations

from typing import Any

from har.models.ranges import RECURRENT
from har.models.spec import ModelSpec


def peephole_lstm(x: Any, *, units: int = 64, frame: int = 4, dropout: float = 0.2) -> Any:
    import keras

    from har.models.input_layers import Frames
    from har.models.peephole_cell import PeepholeLSTMCell

    if frame > 1:
        x = Frames(frame, name="frames")(x)
    x = keras.layers.RNN(PeepholeLSTMCell(units, name="cell"), name="peephole_lstm")(x)
    return keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x


def _weights(
    steps: int, channels: int, *, units: int, frame: int, dropout: float
) -> tuple[int, int]:
    del steps, dropout
    return 4 * units * (channels * frame + units + 1) + 3 * units, units


SPEC = ModelSpec(
    name="peephole_lstm",
    summary="Gates that see the cell state; where the timing of strides matters.",
    paper="Gers and Schmidhuber 2000, doi:10.1109/IJCNN.2000.861302; Gers, Schraudolph and "
    "Schmidhuber 2002, JMLR 3:115-143",
    body=peephole_lstm,
    weights=_weights,
    module="har.models.peephole_lstm",
    layers="har.models.peephole_cell",
    space=RECURRENT,
    faster_on_jax=True,
)
