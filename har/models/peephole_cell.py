"""An LSTM cell whose gates also see the cell state, as a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("har")
class PeepholeLSTMCell(keras.layers.Layer):
    """One step of an LSTM with peephole connections, for `keras.layers.RNN`.

        i = σ(x·Wi + h·Ui + pi ⊙ c + bi)        input gate, sees the old cell state
        f = σ(x·Wf + h·Uf + pf ⊙ c + bf)        forget gate, likewise
        g = tanh(x·Wc + h·Uc + bc)              candidate
        c' = f ⊙ c + i ⊙ g
        o = σ(x·Wo + h·Uo + po ⊙ c' + bo)       output gate, sees the new cell state
        h' = o ⊙ tanh(c')

    Gates stand in Keras' order (i, f, c, o) in `kernel`, `recurrent_kernel` and `bias`, so that
    with `peephole` (rows i, f, o) at zero it equals `keras.layers.LSTMCell` with its weights.

    Input shape: (batch, channels), and states h and c of (batch, units). Output shape:
    (batch, units), and the two states.

    Parameters
    ----------
    units : int

    References
    ----------
    Gers and Schmidhuber, "Recurrent nets that time and count", IJCNN 2000,
    doi:10.1109/IJCNN.2000.861302. Gers, Schraudolph and Schmidhuber, "Learning precise timing with
    LSTM recurrent networks", JMLR 3, 2002, equations 3 to 9: the weights from a cell to its gates
    are diagonal there as here. The output is tanh(c'), as is usual today; theirs is c' as it is.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = int(units)
        self.state_size = [self.units, self.units]
        self.output_size = self.units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        n = self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 4 * n), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(n, 4 * n), initializer="orthogonal", name="recurrent_kernel"
        )
        self.peephole = self.add_weight(shape=(3, n), initializer="zeros", name="peephole")
        self.bias = self.add_weight(shape=(4 * n,), initializer=_forget_one, name="bias")

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        del training
        h, c = states
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel) + self.bias
        zi, zf, zc, zo = ops.split(z, 4, axis=-1)
        i = ops.sigmoid(zi + self.peephole[0] * c)
        f = ops.sigmoid(zf + self.peephole[1] * c)
        c = f * c + i * ops.tanh(zc)
        o = ops.sigmoid(zo + self.peephole[2] * c)
        h = o * ops.tanh(c)
        return h, [h, c]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        shape = (batch_size, self.units)
        return [ops.zeros(shape, self.compute_dtype), ops.zeros(shape, self.compute_dtype)]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("har")
def _forget_one(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Zero, but one for the forget gates: a new cell remembers (Jozefowicz and others 2015)."""
    n = shape[0] // 4
    return ops.concatenate([ops.zeros(n, dtype), ops.ones(n, dtype), ops.zeros(2 * n, dtype)])
