"""A recurrent model's step file: a few samples at a time, the state kept between."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from har.runtime.interpreter import interpreter
from har.runtime.manifest import Step


class Stepper:
    """A step file, run as a device runs it."""

    def __init__(self, path: Path, about: Step) -> None:
        self._run = interpreter(path.read_bytes()).get_signature_runner(about.signature)
        self._about = about
        self.reset()

    def reset(self) -> None:
        """Begin a window: zero states."""
        shapes = self._about.shapes
        self._states = {n: np.zeros(s, np.float32) for n, s in shapes.items() if n != "samples"}

    def push(self, samples: np.ndarray) -> np.ndarray:
        """`step_samples` more raw samples; the probabilities after them."""
        # The runner's outputs are views of memory that the next step overwrites.
        out = {k: v.copy() for k, v in self._run(samples=samples[None], **self._states).items()}
        answer = out.pop("probabilities")[0]
        self._states = out
        return np.asarray(answer)

    def window(self, window: np.ndarray) -> np.ndarray:
        """The answer about a whole window, step by step: (n_raw, 3) to (k,)."""
        self.reset()
        size, skip = self._about.step_samples, self._about.skip_samples
        lead = len(window) - self._about.steps * size - skip
        if lead:
            self._states["context"] = window[None, skip : skip + lead].astype(np.float32)
        answer = np.empty(0)
        for at in range(skip + lead, len(window), size):
            answer = self.push(np.ascontiguousarray(window[at : at + size], np.float32))
        return answer
