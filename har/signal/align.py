"""Turning a recording so that upright is the same way for everybody: the wearer walks, and gravity
while walking says how the sensor sits on the body.

A phone on a belt sees sitting and standing a few degrees apart, and people's belts differ by more
than that. While somebody walks, gravity points along the upright body; ten or twenty seconds of it,
without any label, and each posture is a tilt away from that person's own upright. The idea is the
functional calibration of gait laboratories; here nobody is told when to walk:

1. a second *moves* if the standard deviation of ‖a‖ in it is at least 0.5 m/s² (sitting has a
   hundredth of that, slow walking twice as much);
2. it counts if it and the two before and after it move: standing up is shorter than that, walking
   is not;
3. the reference is the mean acceleration over the first `seconds` that count;
4. every sample of the recording, the earlier ones too, is turned by the shortest rotation that
   takes the reference to `axis`.

`model.json` names this `walking-1`, and the phone page repeats it in JavaScript. Seconds are
counted from the beginning of each stretch without a gap. Fewer than five that count are no
reference, and the recording stays as it is: whoever calls says so to the user.

References
----------
Favre and others 2009, "Functional calibration procedure for 3D knee joint angle description using
inertial sensors", doi:10.1016/j.jbiomech.2009.06.025. Yurtman and Barshan 2017, "Activity
recognition invariant to sensor orientation with wearable motion sensors", doi:10.3390/s17081838.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from har.config import Align
from har.errors import WindowError

SCHEME: Final = "walking-1"
MOVING = 0.5
"""m/s²: standard deviation of ‖a‖ within a second that moves."""
AROUND = 2
"""A second counts if as many before it and after it move too."""
AT_LEAST = 5
"""Seconds: fewer are no reference."""
MAY_LACK = 0.1
"""Share of a data set's recordings that may have no reference. Where each recording holds one
activity, those of walking would be turned and those of sitting not: a model would learn that."""
GRAVITY = 5.0
"""m/s²: a mean acceleration below this does not hold gravity."""


class Reference:
    """Gravity while walking, from uniform samples as they come.

    Parameters
    ----------
    seconds : int
        How many are averaged; later ones change nothing.
    """

    def __init__(self, rate_hz: float, seconds: int) -> None:
        self.wanted = seconds
        self.counted = 0
        self._n = round(rate_hz)
        self._sum = np.zeros(3)
        self._rows = np.empty((0, 3), np.float32)
        # Of the last seconds, as many as the next second's neighbourhood reaches back:
        self._moves = np.empty(0, bool)
        self._means = np.empty((0, 3))

    @property
    def known(self) -> bool:
        return self.counted >= self.wanted

    def push(self, samples: np.ndarray) -> None:
        """More samples: shape (n, 3), m/s², following those before."""
        if self.known:
            return
        rows = np.concatenate([self._rows, samples])
        whole = len(rows) // self._n
        seconds = rows[: whole * self._n].reshape(whole, self._n, 3).astype(np.float64)
        self._rows = rows[whole * self._n :].copy()
        moves = np.linalg.norm(seconds, axis=2).std(axis=1) >= MOVING
        self._moves = np.concatenate([self._moves, moves])
        self._means = np.concatenate([self._means, seconds.mean(axis=1)])
        width = 2 * AROUND + 1
        if len(self._moves) >= width:
            runs = np.lib.stride_tricks.sliding_window_view(self._moves, width).all(axis=1)
            at = np.flatnonzero(runs)[: self.wanted - self.counted] + AROUND
            self._sum += self._means[at].sum(axis=0)
            self.counted += len(at)
            self._moves, self._means = self._moves[1 - width :], self._means[1 - width :]

    def interrupt(self) -> None:
        """A gap: what follows is another stretch."""
        self._rows, self._moves, self._means = self._rows[:0], self._moves[:0], self._means[:0]

    def rotation(self, axis: str) -> np.ndarray | None:
        """The rotation of samples, `samples @ rotation.T`; None if too few seconds count.

        Parameters
        ----------
        axis : str
            x, y, z, -x, -y or -z: where upright goes.

        Returns
        -------
        ndarray of float64, shape (3, 3), or None

        Raises
        ------
        WindowError
            If the samples hold no gravity.
        """
        if self.counted < min(AT_LEAST, self.wanted):
            return None
        mean = self._sum / self.counted
        if (length := float(np.linalg.norm(mean))) < GRAVITY:
            raise WindowError(
                f"signal.align needs gravity in the recordings, but the mean acceleration while "
                f"walking is {length:.2f} m/s². Use total acceleration, or set signal.align.kind "
                "to none."
            )
        return shortest(mean / length, unit(axis))


def unit(axis: str) -> np.ndarray:
    """The unit vector of x, y, z, -x, -y or -z."""
    out = np.zeros(3)
    out["xyz".index(axis[-1])] = -1.0 if axis.startswith("-") else 1.0
    return out


def shortest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation by the least angle that takes one unit vector to another (Rodrigues' formula).

    Where they are opposite any half turn does; it is about the axis that follows b's (x, y, z, x).
    """
    c = float(a @ b)
    if c < -1 + 1e-9:
        about = np.roll(np.abs(b), 1)
        return 2 * np.outer(about, about) - np.eye(3)
    x, y, z = np.cross(a, b)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + k + k @ k / (1 + c)


def turned(samples: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Samples in the frame of the reference: float32, shape (n, 3)."""
    return (samples @ rotation.T).astype(np.float32)


def rotation_of(
    stretches: Iterable[np.ndarray], align: Align, rate_hz: float
) -> tuple[np.ndarray | None, int]:
    """Of a whole recording.

    Parameters
    ----------
    stretches : iterable of ndarray, shape (n, 3)
        Uniform samples, m/s², a gap between each and the next.

    Returns
    -------
    rotation : ndarray of float64, shape (3, 3), or None
    seconds : int
        Of walking that it is of; 0 without one.
    """
    reference = Reference(rate_hz, align.seconds)
    for samples in stretches:
        reference.push(samples)
        reference.interrupt()
    rotation = reference.rotation(align.axis)
    return rotation, 0 if rotation is None else reference.counted


def require(seconds: Mapping[str, int]) -> None:
    """Refuse a data set that cannot be turned.

    Parameters
    ----------
    seconds : mapping
        Of walking by which each recording was turned, 0 for none.

    Raises
    ------
    WindowError
        If more than a tenth of the recordings have no walking.
    """
    lacking = [name for name, s in seconds.items() if not s]
    if len(lacking) > MAY_LACK * len(seconds):
        raise WindowError(
            f"signal.align: {len(lacking)} of {len(seconds)} recordings hold too little walking, "
            f"{', '.join(lacking[:3])} among them. It needs recordings of several activities, some "
            "of it walking; where each holds one activity, being turned would give that activity "
            "away. Set signal.align.kind to none."
        )
