"""The bundle's README: how to run this very model, in four languages."""

from __future__ import annotations

from importlib import resources

import numpy as np

from har.runtime.manifest import Alignment, Manifest
from har.signal.align import unit


def readme(m: Manifest) -> str:
    """How to run this very model, in four languages."""
    with_gravity = m.input.gravity == "present"
    values = {
        "align": _template("bundle_readme_align.md") if m.align else "",
        **(_turning(m.align, m.rate_hz) if m.align else {"raw": "raw"}),
        "model": m.model,
        "activities": ", ".join(m.activities),
        "n_raw": str(m.n_raw),
        "n_classes": str(len(m.activities)),
        "rate_hz": f"{m.rate_hz:g}",
        "length_s": f"{m.window.length_s:g}",
        "hop_s": f"{m.window.hop_s:g}",
        "hop": str(m.window.hop_samples),
        "lead_in": str(m.lead_in_samples),
        "placements": ", ".join(m.input.placements) or "not recorded",
        "macro_f1": f"{m.score_of.macro_f1:.3f}",
        "protocol": m.score_of.protocol,
        "gravity": "with gravity" if with_gravity else "without gravity",
        "android_sensor": "TYPE_ACCELEROMETER" if with_gravity else "TYPE_LINEAR_ACCELERATION",
        "ios_sample": (
            "CMAccelerometerData.acceleration"
            if with_gravity
            else "CMDeviceMotion.userAcceleration"
        ),
        "licence": m.data.licence,
    }
    text = _template("bundle_readme.md")
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    return text


def _template(name: str) -> str:
    return resources.files("har.export").joinpath(name).read_text("utf-8")


def _turning(align: Alignment, rate_hz: float) -> dict[str, str]:
    """What the README says of `align`."""
    up = unit(align.axis)
    return {
        "raw": "turned as said below and otherwise raw",
        "per_second": str(round(rate_hz)),
        "about": "xyz"[int(np.flatnonzero(np.roll(up, 1))[0])],
        "up": ", ".join(map(str, up.tolist())),
        **{key: str(value) for key, value in align.as_json().items()},
    }
