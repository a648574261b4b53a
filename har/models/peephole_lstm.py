"""An LSTM whose gates see the cell state: for rhythms that are told apart by their timing."""

from __future__ import annotations

from typing import Any

from har.models import recurrent


def _recur(units: int, layers: int, *, return_sequences: bool) -> Any:
    import keras

    from har.models.peephole_cell import PeepholeLSTMCell

    cells = [PeepholeLSTMCell(units, name="cell" if layers == 1 else f"cell_{i}")
             for i in range(layers)]  # fmt: skip
    cell = cells[0] if layers == 1 else keras.layers.StackedRNNCells(cells, name="cells")
    return keras.layers.RNN(cell, name="peephole_lstm", return_sequences=return_sequences)


SPEC = recurrent.spec(
    "peephole_lstm",
    _recur,
    gates=4,
    peepholes=3,
    module="har.models.peephole_lstm",
    layers="har.models.peephole_cell",
    summary="LSTM whose gates see the cell state; for activities that differ in timing.",
    paper="Gers and Schmidhuber 2000, doi:10.1109/IJCNN.2000.861302; Gers, Schraudolph and "
    "Schmidhuber 2002, JMLR 3:115-143",
)
