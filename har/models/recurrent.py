"""Many-to-one recurrent nets with one layer: the state after the last step is the feature vector.

`frame` samples side by side make a step (`har.models.input_layers.Frames`); 1 is the textbook form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from har.models.ranges import RECURRENT
from har.models.spec import ModelSpec


def _steps(x: Any, frame: int) -> Any:
    from har.models.input_layers import Frames

    return Frames(frame, name="frames")(x) if frame > 1 else x


def _dropped(x: Any, rate: float) -> Any:
    import keras

    return keras.layers.Dropout(rate, name="dropout")(x) if rate else x


def lstm(x: Any, *, units: int = 64, frame: int = 4, dropout: float = 0.2) -> Any:
    import keras

    return _dropped(keras.layers.LSTM(units, name="lstm")(_steps(x, frame)), dropout)


def bilstm(x: Any, *, units: int = 64, frame: int = 4, dropout: float = 0.2) -> Any:
    import keras

    both = keras.layers.Bidirectional(keras.layers.LSTM(units, name="lstm"), name="bilstm")
    return _dropped(both(_steps(x, frame)), dropout)


def gru(x: Any, *, units: int = 64, frame: int = 4, dropout: float = 0.2) -> Any:
    import keras

    return _dropped(keras.layers.GRU(units, name="gru")(_steps(x, frame)), dropout)


def simple_rnn(x: Any, *, units: int = 64, frame: int = 4, dropout: float = 0.2) -> Any:
    import keras

    return _dropped(keras.layers.SimpleRNN(units, name="rnn")(_steps(x, frame)), dropout)


def _weights(gates: int, biases: int, directions: int = 1) -> Callable[..., tuple[int, int]]:
    """gates · units · (inputs + units + biases) weights in each direction."""

    def count(
        steps: int, channels: int, *, units: int, frame: int, dropout: float
    ) -> tuple[int, int]:
        del steps, dropout  # neither changes the number of weights
        each = gates * units * (channels * frame + units + biases)
        return directions * each, directions * units

    return count


LSTM = ModelSpec(
    name="lstm",
    summary="The reference recurrent net; remembers over a whole window.",
    paper="Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; forget gate: Gers, "
    "Schmidhuber and Cummins 2000, doi:10.1162/089976600300015015",
    body=lstm,
    weights=_weights(gates=4, biases=1),
    module="har.models.recurrent",
    space=RECURRENT,
    faster_on_jax=True,
)
BILSTM = ModelSpec(
    name="bilstm",
    summary="Reads the window both ways; twice the size and time of lstm.",
    paper="Graves and Schmidhuber 2005, doi:10.1016/j.neunet.2005.06.042",
    body=bilstm,
    weights=_weights(gates=4, biases=1, directions=2),
    module="har.models.recurrent",
    space=RECURRENT,
    faster_on_jax=True,
)
GRU = ModelSpec(
    name="gru",
    summary="As good as lstm in many tasks with three quarters of the weights.",
    paper="Cho and others 2014, doi:10.3115/v1/D14-1179 (reset after the product, as in Keras)",
    body=gru,
    weights=_weights(gates=3, biases=2),  # reset_after keeps two biases
    module="har.models.recurrent",
    space=RECURRENT,
    faster_on_jax=True,
)
SIMPLE_RNN = ModelSpec(
    name="simple_rnn",
    summary="The plain recurrent net, to see what gates are for.",
    paper="Elman 1990, doi:10.1207/s15516709cog1402_1",
    body=simple_rnn,
    weights=_weights(gates=1, biases=1),
    module="har.models.recurrent",
    space=RECURRENT,
    faster_on_jax=True,
)
