"""An inception-style convolutional net: several time scales side by side, and shortcuts.

A shrunk InceptionTime: kernels fit windows of one to a few seconds, and pooling between modules
keeps it quick.
"""

from __future__ import annotations

from typing import Any

from har.models.blocks import averaged
from har.models.ranges import CHANNELS, DROPOUT, Whole
from har.models.spec import ModelSpec

KERNELS = (5, 11, 21)


def inception(
    x: Any, *, filters: int = 24, modules: int = 3, bottleneck: int = 24, dropout: float = 0.4
) -> Any:
    from keras import layers

    for i in range(modules):
        name = f"module_{i}"
        narrow = layers.Conv1D(bottleneck, 1, use_bias=False, name=f"{name}_narrow")(x)
        scales = [
            layers.Conv1D(filters, k, padding="same", use_bias=False, name=f"{name}_k{k}")(narrow)
            for k in KERNELS
        ]
        pooled = layers.MaxPooling1D(3, 1, padding="same", name=f"{name}_max")(x)
        scales.append(layers.Conv1D(filters, 1, use_bias=False, name=f"{name}_pooled")(pooled))
        y = layers.Concatenate(name=f"{name}_scales")(scales)
        y = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(y)
        shortcut = layers.Conv1D(4 * filters, 1, use_bias=False, name=f"{name}_shortcut")(x)
        shortcut = layers.BatchNormalization(momentum=0.9, name=f"{name}_shortcut_norm")(shortcut)
        x = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, shortcut]))
        if i < modules - 1:
            x = layers.MaxPooling1D(2, name=f"{name}_halve")(x)
    return averaged(x, dropout)


def _weights(
    _steps: int, channels: int, *, filters: int, modules: int, bottleneck: int, **_others: Any
) -> tuple[int, int]:
    total, inputs, outputs = 0, channels, 4 * filters
    for _ in range(modules):
        total += inputs * bottleneck + sum(KERNELS) * bottleneck * filters + inputs * filters
        total += inputs * outputs + 2 * 2 * outputs
        inputs = outputs
    return total, outputs


SPEC = ModelSpec(
    name="inception",
    summary="Parallel convolutions of several lengths; several times the computation of cnn.",
    paper="Ismail Fawaz and others 2020 (InceptionTime), doi:10.1007/s10618-020-00710-y; smaller, "
    "with a shortcut around each module and pooling between them",
    body=inception,
    weights=_weights,
    module="har.models.inception",
    space={
        "channels": CHANNELS,
        "filters": Whole(16, 48, 8),
        "modules": Whole(2, 4),
        "bottleneck": Whole(16, 48, 8),
        "dropout": DROPOUT,
    },
)
