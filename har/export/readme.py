"""The bundle's README: how to run this very model, in four languages."""

from __future__ import annotations

import numpy as np

from har.export import templates
from har.runtime.manifest import Manifest
from har.signal.align import unit


def readme(m: Manifest) -> str:
    """How to run this very model, in four languages."""
    up = unit(m.align.axis) if m.align else np.zeros(3)
    # Upside down, samples turn about the axis after this one.
    about = "xyz"[int(np.abs(np.roll(up, 1)).argmax())]
    return templates.render("bundle_readme.md", m=m, up=up.tolist(), about=about)
