"""Is a recording like those that the model was trained on? Asked before its answers are believed.

Sums over a recording's windows become some thirty numbers: where gravity points, how strong motion
is on each axis, how axes go together, how fast it changes (the structure function, whose shape
moves by an octave where the rate is read wrong by two). `model.json` has a linear discriminant for
each defect, fitted on training people's recordings with that defect planted, and its threshold.
The page in `har/phone/web` does the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from har.contract import Part

AXES = ("+x", "-x", "+y", "-y", "+z", "-z")
LAGS_S = (0.04, 0.08, 0.16, 0.32, 0.64)
MOVING = 1.5
"""m/s²: a window moves if the standard deviation of |a| in it is at least this: walking, not
fidgeting."""

FELT = 4.0
"""m/s²: below this there is no gravity in a mean."""

RARE, MOSTLY = 0.01, 0.8
"""Gravity along an axis that has it in fewer windows of training, in most of a recording's."""

Defect = Literal["sign", "exchange_xy", "exchange_yz", "exchange_xz", "half_rate"]
Share = Annotated[float, Field(ge=0, le=1)]

SAID: dict[str, tuple[str, str]] = {
    "sign": (
        "It moves as if every axis had the other sign.",
        "If an iPhone recorded it, say --convention ios.",
    ),
    **{
        f"exchange_{a}{b}": (
            f"It moves as if axes {a} and {b} were exchanged.",
            "Check the order of its columns, and whether the sensor was worn as in training.",
        )
        for a, b in ("xy", "yz", "xz")
    },
    "half_rate": (
        "It moves about twice as fast as people did in training.",
        "Check its sampling rate and the unit of its time column.",
    ),
}


class Discriminant(Part):
    """A defect is suspected where weights · features + bias is above 0."""

    weights: tuple[float, ...]
    bias: float
    found: Share = Field(
        description="share of training people's recordings with the planted defect that are flagged"
    )
    false_alarms: Share = Field(description="share of their unchanged recordings that are "
                                            "flagged; both shares are of people on whom the "
                                            "discriminant was not fitted")  # fmt: skip


class Likeness(Part):
    """What recordings of training people are like; see har/runtime/likeness.py."""

    level: tuple[float, float] = Field(
        description="m/s2: range, with a margin, of a recording's mean length of the mean "
        "acceleration vector of a window"
    )
    gravity: dict[str, Share] = Field(
        description="share of windows whose mean acceleration is largest along each axis"
    )
    worn: dict[str, Share] = Field(description="the same share, of moving windows only")
    at_least: int = Field(
        ge=1,
        description="number of moving windows that a recording needs for "
        "the discriminants to be used",
    )
    lags: tuple[int, ...] = Field(description="lags of the structure function, in samples")
    defects: dict[Defect, Discriminant]
    not_told: dict[Defect, str] = Field(
        description="defects that are not looked for, because training people's recordings do not"
        " show them, with the reason"
    )


@dataclass(frozen=True)
class Unlike:
    """Something in which a recording differs from training, and what to do about it."""

    check: str
    message: str
    advice: str


def lags(rate_hz: float, n_samples: int) -> tuple[int, ...]:
    """`LAGS_S` in samples, each at least 1 and at most half a window.

    Examples
    --------
    >>> lags(50, 128)
    (2, 4, 8, 16, 32)
    """
    return tuple(int(np.clip(np.floor(s * rate_hz + 0.5), 1, n_samples // 2)) for s in LAGS_S)


class Portrait:
    """Sums over windows of a recording.

    Parameters
    ----------
    lags : tuple of int
        Of the structure function, in samples.
    """

    def __init__(self, lags: tuple[int, ...]) -> None:
        self.lags = lags
        self.n_windows = self.n_moving = 0
        self.level = 0.0
        self.gravity, self.worn = np.zeros(6), np.zeros(6)
        self._sum = np.zeros(3 + 6 + 3 + 2 + 4 * len(lags))

    def push(self, windows: np.ndarray) -> None:
        """More windows, (n, n_samples, 3) in m/s²."""
        x = np.asarray(windows, np.float64)
        mean, norm = x.mean(1), np.sqrt((x**2).sum(2))
        self.n_windows += len(x)
        self.level += float(np.sqrt((mean**2).sum(1)).sum())
        axis = np.abs(mean).argmax(1)
        which = 2 * axis + (mean[np.arange(len(x)), axis] < 0)
        self.gravity += np.bincount(which, minlength=6)
        moving = norm.std(1) >= MOVING
        self.n_moving += int(moving.sum())
        self.worn += np.bincount(which[moving], minlength=6)
        c = x[moving] - mean[moving][:, None]
        z = norm[moving] - norm[moving].mean(1, keepdims=True)
        pairs = [(c[..., i] * c[..., j]).mean(1) for i in range(3) for j in range(i, 3)]
        rows = [*mean[moving].T, *pairs, *(c**3).mean(1).T, (z**2).mean(1), (z**3).mean(1)]
        for lag in self.lags:
            change = ((z[:, lag:] - z[:, :-lag]) ** 2).mean(1)
            rows.append(np.log(change / (z**2).mean(1) + 1e-3))
            rows.extend(((c[:, lag:] - c[:, :-lag]) ** 2).mean(1).T)
        self._sum += np.stack(rows).sum(1)

    def features(self) -> np.ndarray:
        """What the discriminants weigh; needs a window that moves.

        Returns
        -------
        ndarray of float64, shape (14 + 4 * n_lags,)
            Mean of each axis; logarithms of the axes' standard deviations; their correlations xy,
            xz, yz; their skewness; skewness and log standard deviation of |a|; for each lag, the
            log structure function of |a| and of x, y, z.
        """
        s = self._sum / self.n_moving
        sd = np.sqrt(s[[3, 6, 8]] + 1e-9)
        together = s[[4, 5, 7]] / (sd[[0, 0, 1]] * sd[[1, 2, 2]])
        change = s[14:].reshape(-1, 4)
        axes = np.log(change[:, 1:] / sd**2 + 1e-3)
        return np.concatenate(
            [
                s[:3], np.log(sd), together, s[9:12] / sd**3,
                [s[13] / s[12] ** 1.5, np.log(s[12]) / 2],
                np.column_stack([change[:, 0], axes]).ravel(),
            ]
        )  # fmt: skip

    def compare(self, like: Likeness) -> list[Unlike]:
        """In what the recording differs from training, the plainest first.

        A wrong level makes the rest meaningless; of the ways of turning a sensor, the likeliest.
        """
        if not self.n_windows:
            return []
        level, (low, high) = self.level / self.n_windows, like.level
        if not low <= level <= high:
            return [_level(level, low, high)]
        scores: dict[str, float] = {}
        if self.n_moving >= like.at_least:
            features = self.features()
            scores = {
                k: float(np.dot(d.weights, features) + d.bias) for k, d in like.defects.items()
            }
        out = []
        if scores.get("half_rate", -1) > 0:
            out.append(Unlike("half_rate", *SAID["half_rate"]))
        turned = {name: score for name, score in scores.items() if name != "half_rate"}
        if turned and max(turned.values()) > 0:
            name = max(turned, key=turned.__getitem__)
            message, advice = SAID[name]
            out.insert(0, Unlike(name, f"{self._points(like)} {message}", advice))
        elif level > FELT and self._rare(like):
            out.insert(0, Unlike("gravity", self._points(like), "Is it worn as in training?"))
        return out

    def _rare(self, like: Likeness) -> bool:
        share, axis, known, _ = self._longest(like)
        return share >= MOSTLY and known[AXES[axis]] < RARE

    def _longest(self, like: Likeness) -> tuple[float, int, dict[str, float], str]:
        """Of windows that move, if there are enough: postures differ more than ways to wear."""
        if self.n_moving >= like.at_least:
            counts, known, when = self.worn, like.worn, "time that it moves"
        else:
            counts, known, when = self.gravity, like.gravity, "time"
        axis = int(counts.argmax())
        return float(counts[axis] / counts.sum()), axis, known, when

    def not_judged(self, like: Likeness | None) -> str | None:
        """Why the recording was not compared with training, if it was not."""
        if like is None:
            return "The bundle does not say what its training recordings are like; export it again."
        if self.n_moving < like.at_least:
            return (
                f"Only {self.n_moving} of {self.n_windows} windows move: orientation and rate were "
                f"not compared with training, which takes {like.at_least}."
            )
        return None

    def _points(self, like: Likeness) -> str:
        share, axis, known, when = self._longest(like)
        name = AXES[axis].replace("-", "−")
        return (
            f"Gravity points along {name} for {share:.0%} of the {when}, in training "
            f"{known[AXES[axis]]:.0%}."
        )


def _level(level: float, low: float, high: float) -> Unlike:
    said = f"Its samples average {level:.2f} m/s², in training {low:.2f} to {high:.2f}."
    if high < FELT or level > high:
        return Unlike("level", said, "Check the unit, and whether the model wants gravity removed.")
    if 0.7 < level < 1.4:
        return Unlike("level", said, "This looks like g: say --unit g.")
    return Unlike("level", said, "Gravity seems to be removed: give total acceleration.")
