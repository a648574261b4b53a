"""The linear-phase FIR low-pass: its taps, and its two plain applications.

A phone needs a filter of finite memory. A symmetric FIR delays every frequency by the same
(n_taps − 1) / 2 samples, so the delay is undone by looking that far ahead: a window of T filtered
samples is made of T + n_taps − 1 raw ones (`valid` convolution).
"""

from __future__ import annotations

import numpy as np

from har.config import Filter
from har.errors import WindowError


def lowpass_taps(rate_hz: float, cutoff_hz: float, transition_hz: float) -> np.ndarray:
    """Taps of a Hamming-windowed sinc, unit gain at 0 Hz.

    Parameters
    ----------
    rate_hz, cutoff_hz, transition_hz : float
        `cutoff_hz` is where the amplitude is a half; the band from pass to stop is
        `transition_hz` wide.

    Returns
    -------
    ndarray of float64, shape (n_taps,)
        n_taps is odd: the delay is a whole number of samples.

    References
    ----------
    Oppenheim and Schafer, Discrete-Time Signal Processing, 3rd ed., table 7.2: a Hamming window of
    M + 1 taps has a transition of 6.27 π / M at most (3.14 rate / M in Hz; 3.3 is the usual
    rounding up), a ripple below 0.2 % and a stop band below −53 dB.
    """
    if not 0 < cutoff_hz < rate_hz / 2:
        raise WindowError(
            f"filter.cutoff_hz must lie between 0 and half of rate_hz ({rate_hz / 2:g} Hz), "
            f"got {cutoff_hz:g}."
        )
    n_taps = int(np.ceil(3.3 * rate_hz / transition_hz)) | 1
    from scipy import signal  # imported late: a run that is up to date filters nothing

    return signal.firwin(n_taps, cutoff_hz, window="hamming", fs=rate_hz)


def taps_of(config: Filter, rate_hz: float) -> np.ndarray:
    """The taps that a pipeline's filter means; `[1.0]` where it has none."""
    if config.kind == "none":
        return np.ones(1)
    return lowpass_taps(rate_hz, config.cutoff_hz, config.transition_hz)


def filter_valid(samples: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Filtered samples for which all context exists.

    Parameters
    ----------
    samples : ndarray, shape (..., n, channels)
        A recording, or windows with their lead-in.
    taps : ndarray, shape (n_taps,)

    Returns
    -------
    ndarray of float64, shape (..., n − n_taps + 1, channels)
        Sample i is centred on raw sample i + (n_taps − 1) / 2.
    """
    if len(taps) == 1:
        return np.asarray(samples, dtype=np.float64) * taps[0]
    kernel = np.asarray(taps, dtype=np.float64)[:, None]
    kernel = kernel.reshape((1,) * (samples.ndim - 2) + kernel.shape)
    from scipy import signal

    return signal.oaconvolve(np.asarray(samples, np.float64), kernel, mode="valid", axes=-2)
