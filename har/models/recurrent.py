"""Many-to-one recurrent nets: convolutions or frames below the recurrent layer, a head above it.

The textbook form reads one sample a step and keeps the state after the last one: `front: none`,
`frame: 1`, `head: last`.

References
----------
Frames: `har.models.input_layers.Frames`. Convolutions of each axis by itself below an LSTM: Zhou
and others 2022 (TinyHAR), doi:10.1145/3544794.3558467, section 3. Attention over states: Raffel and
Ellis 2015, "Feed-forward networks with attention can solve some long-term memory problems",
arXiv:1512.08756, section 2.1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from har.models.blocks import dropped
from har.models.ranges import RECURRENT
from har.models.spec import ModelSpec

KERNEL = 5
STRIDES = (2, 1, 2, 1)
"""Of the convolutions in front: a step is then four samples."""


def many_to_one(
    recur: Callable[..., Any],
    x: Any,
    *,
    units: int = 64,
    layers: int = 1,
    front: str = "axes",
    filters: int = 20,
    frame: int = 1,
    head: str = "last",
    dropout: float = 0.2,
) -> Any:
    """Features of a window, shape (batch, n).

    Parameters
    ----------
    recur : callable
        `recur(units, layers, return_sequences=…)`: a recurrent Keras layer.
    x : tensor, shape (batch, T, channels)
    units, layers : int
        Of the recurrent layer's state; layers upon each other.
    front : {'none', 'axes', 'joint'}
        Four small convolutions, two of stride 2, below the recurrent layer: `axes` have the same
        kernels for each channel and do not mix channels, `joint` see all of them at once.
    filters : int
        Of each convolution.
    frame : int
        Samples (with a front: its outputs) side by side that make a step.
    head : {'last', 'mean', 'max', 'mean_max', 'attention'}
        What becomes of the states of all steps.
    dropout : float
        Of the features.
    """
    from har.models.input_layers import Frames

    if front != "none":
        x = convolutions(x, apart=front == "axes", filters=filters)
    if frame > 1:
        x = Frames(frame, name="frames")(x)
    x = _head(recur(units, layers, return_sequences=head != "last")(x), head)
    return dropped(x, dropout)


def convolutions(x: Any, *, apart: bool, filters: int) -> Any:
    """From (batch, T, channels) to (batch, T / 4, features of all channels together)."""
    from keras import layers

    steps, channels = x.shape[1:]
    if apart:  # channels are a second axis of space, along which kernels are one wide
        x = layers.Reshape((steps, channels, 1), name="apart")(x)
    for i, stride in enumerate(STRIDES):
        how: dict[str, Any] = {"padding": "same", "use_bias": False, "name": f"front_{i}"}
        if apart:
            x = layers.Conv2D(filters, (KERNEL, 1), strides=(stride, 1), **how)(x)
        else:
            x = layers.Conv1D(filters, KERNEL, strides=stride, **how)(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"front_norm_{i}")(x)
        x = layers.ReLU(name=f"front_relu_{i}")(x)
    return layers.Reshape((x.shape[1], channels * filters), name="together")(x) if apart else x


def convolution_weights(seen: int, filters: int) -> int:
    """Of what `convolutions` builds, its first kernels being over `seen` channels."""
    kernels = KERNEL * filters * (seen + (len(STRIDES) - 1) * filters)
    return kernels + len(STRIDES) * 2 * filters  # scale and shift of the normalisation


def _head(states: Any, head: str) -> Any:
    from keras import layers

    if head == "last":
        return states
    if head == "attention":
        weights = layers.Dense(1, activation="tanh", name="attention")(states)
        weights = layers.Softmax(axis=1, name="attention_weights")(weights)
        return layers.Flatten(name="attended")(layers.Dot(1, name="weighted")([weights, states]))
    pools = []
    if "mean" in head:
        pools.append(layers.GlobalAveragePooling1D(name="mean")(states))
    if "max" in head:
        pools.append(layers.GlobalMaxPooling1D(name="max")(states))
    return layers.Concatenate(name="mean_max")(pools) if len(pools) > 1 else pools[0]


def weights(
    gates: int,
    biases: int,
    directions: int,
    peepholes: int,
    _steps: int,
    channels: int,
    *,
    units: int,
    layers: int,
    front: str,
    filters: int,
    frame: int,
    head: str,
    **_others: Any,
) -> tuple[int, int]:
    """The closed form of what `many_to_one` builds: (weights, features).

    Each direction of a recurrent layer has gates · units · (inputs + units + biases) weights, and
    peepholes · units.
    """
    below = 0
    if front != "none":
        seen = 1 if front == "axes" else channels
        below = convolution_weights(seen, filters)
        channels = filters * (channels if front == "axes" else 1)
    each = gates * units * (channels * frame + units + biases)
    each += (layers - 1) * gates * units * (2 * units + biases) + layers * peepholes * units
    wide = directions * units
    above = wide + 1 if head == "attention" else 0
    return below + directions * each + above, 2 * wide if head == "mean_max" else wide


def shortest(*, front: str, frame: int, **_: Any) -> int:
    """Filtered samples of a window that leave one step."""
    return frame if front == "none" else 4 * (frame - 1) + 1


def _layer(kind: str, name: str, units: int, layers: int, *, return_sequences: bool) -> Any:
    """One loop over the steps, also for several layers: `RNN(StackedRNNCells([...]))` has the
    weights of layers upon each other and gives the same numbers, on a phone several times faster.
    """
    import keras

    if layers == 1:
        one = getattr(keras.layers, kind)
        return one(units, name=name, return_sequences=return_sequences)
    cell = getattr(keras.layers, f"{kind}Cell")
    cells = [cell(units, name=f"cell_{i}") for i in range(layers)]
    stacked = keras.layers.StackedRNNCells(cells, name="cells")
    return keras.layers.RNN(stacked, name="stack", return_sequences=return_sequences)


def _both_ways(kind: str, name: str, units: int, layers: int, *, return_sequences: bool) -> Any:
    import keras

    one = _layer(kind, name, units, layers, return_sequences=return_sequences)
    return keras.layers.Bidirectional(one, name=f"bi{name}")


def spec(
    name: str,
    recur: Callable[..., Any],
    *,
    gates: int,
    biases: int = 1,
    directions: int = 1,
    peepholes: int = 0,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    module: str = __name__,
    **about: Any,
) -> ModelSpec:
    """A many-to-one model of the recurrent layer that `recur` makes."""
    return ModelSpec(
        name=name,
        body=functools.partial(many_to_one, recur, **defaults),
        weights=functools.partial(weights, gates, biases, directions, peepholes),
        shortest=shortest,
        module=module,
        space=RECURRENT,
        faster_on_jax=True,
        **about,
    )


LSTM = spec(
    "lstm",
    functools.partial(_layer, "LSTM", "lstm"),
    gates=4,
    summary="The reference recurrent network; its memory spans the whole window.",
    paper="Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; forget gate: Gers, "
    "Schmidhuber and Cummins 2000, doi:10.1162/089976600300015015",
)
BILSTM = spec(
    "bilstm",
    functools.partial(_both_ways, "LSTM", "lstm"),
    gates=4,
    directions=2,
    summary="Reads each window in both directions; twice the size and time of lstm.",
    paper="Graves and Schmidhuber 2005, doi:10.1016/j.neunet.2005.06.042",
)
GRU = spec(
    "gru",
    functools.partial(_layer, "GRU", "gru"),
    gates=3,
    biases=2,  # reset_after keeps two biases
    summary="Often as accurate as lstm, with three quarters of its weights.",
    paper="Cho and others 2014, doi:10.3115/v1/D14-1179 (reset after the product, as in Keras)",
)
BIGRU = spec(
    "bigru",
    functools.partial(_both_ways, "GRU", "gru"),
    gates=3,
    biases=2,
    directions=2,
    summary="gru in both directions; three quarters of the weights of bilstm.",
    paper="Cho and others 2014, doi:10.3115/v1/D14-1179; both ways: Schuster and Paliwal 1997, "
    "doi:10.1109/78.650093",
)
SIMPLE_RNN = spec(
    "simple_rnn",
    functools.partial(_layer, "SimpleRNN", "rnn"),
    gates=1,
    summary="A recurrent network without gates, to see what gates add.",
    paper="Elman 1990, doi:10.1207/s15516709cog1402_1",
)
STACKED_LSTM = spec(
    "stacked_lstm",
    functools.partial(_layer, "LSTM", "lstm"),
    gates=4,
    defaults={"layers": 2},
    summary="Two LSTM layers; more capacity for data sets of many people.",
    paper="Graves, Mohamed and Hinton 2013, doi:10.1109/ICASSP.2013.6638947",
)
