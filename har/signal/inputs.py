"""Windows as a model that is no network is given them: filtered, and as channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from har.signal.conditioning import channels
from har.signal.filters import filter_valid
from har.signal.windows import Windows


@dataclass(frozen=True, eq=False)
class Conditioned:
    """Filtered and conditioned windows, made when they are asked for: `inputs[a:b]`.

    Parameters
    ----------
    index : ndarray of int64, shape (n,)
        Which of them.
    kind : str
        The channels.
    """

    windows: Windows
    index: np.ndarray
    kind: str

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """float32, shape (m, n_samples, channels)."""
        raw = self.windows.gather(self.index[rows])
        return channels(filter_valid(raw, self.windows.taps), self.kind).astype(np.float32)
