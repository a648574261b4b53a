"""The lectures' figures: one look, no global state, no window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Okabe and Ito's colours, told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#666666",
)  # fmt: skip
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, GREY)


def new_figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (8, 4)) -> Any:
    """A figure and its axes, always as a 2-D array of axes.

    Parameters
    ----------
    size : tuple of float
        Width and height in inches.
    """
    from matplotlib.figure import Figure  # not pyplot: nothing is kept after it is saved

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def lines(
    ax: Any,
    series: Mapping[str, Any],
    *,
    colours: Iterable[str] = COLOURS,
    log: bool = False,
    **about: Any,
) -> None:
    """A line of numbers for each label, over 1, 2, 3 and so on; `about` goes to `ax.set`."""
    for colour, (label, y) in zip(colours, series.items(), strict=False):
        plot = ax.semilogy if log else ax.plot
        plot(range(1, len(y) + 1), y, color=colour, label=label)
    ax.set(**about)


def save(figure: Any, folder: Path, name: str) -> str:
    """Write `name` into the folder and give the name back."""
    figure.savefig(folder / name, dpi=110, metadata={"Software": None})
    return name


def curves(folder: Path, name: str, title: str, histories: dict[str, dict[str, list]]) -> str:
    """Accuracy by epoch: solid for validation, dotted for training.

    Parameters
    ----------
    histories : dict
        Model name to Keras' `History.history` with `accuracy` and `val_accuracy`.
    """
    figure, axes = new_figure(size=(8, 4.2))
    ax = axes[0, 0]
    for colour, (label, history) in zip(COLOURS, histories.items(), strict=False):
        epochs = range(1, len(history["accuracy"]) + 1)
        ax.plot(epochs, history["val_accuracy"], color=colour, label=label)
        ax.plot(epochs, history["accuracy"], color=colour, linestyle=":", linewidth=1)
    ax.set(title=title, xlabel="epoch", ylabel="accuracy")
    ax.grid(alpha=0.3)
    ax.legend(title="unseen (dotted: training)", frameon=False, loc="best")
    return save(figure, folder, name)
