"""What several networks are made of."""

from __future__ import annotations

from typing import Any


def convolved(x: Any, convolution: Any, i: int, *, halve: bool = True) -> Any:
    """Block `i`: a convolution, batch normalisation, ReLU; then every other step, if asked."""
    from keras import layers

    x = layers.BatchNormalization(momentum=0.9, name=f"norm_{i}")(convolution(x))
    x = layers.ReLU(name=f"relu_{i}")(x)
    return layers.MaxPooling1D(2, name=f"pool_{i}")(x) if halve else x


def averaged(x: Any, dropout: float) -> Any:
    """The average over time, (batch, channels)."""
    from keras import layers

    return dropped(layers.GlobalAveragePooling1D(name="average")(x), dropout)


def dropped(x: Any, rate: float) -> Any:
    from keras import layers

    return layers.Dropout(rate, name="dropout")(x) if rate else x
