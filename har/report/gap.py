"""What a random split would have claimed: the part of a report that shows `har study optimism`.

Its numbers are leaky on purpose. They stand under `optimism` of `results.json`, beside the honest
score and never among those of the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from har.files import digest
from har.report.table import signed, signed_interval

TITLE = "What a random split would have claimed"
HEAD = ("model", "macro-F1, honest", "leaky", "gap", "95 % over people", "accuracy, honest",
        "leaky")  # fmt: skip


def belongs_to(results: Mapping[str, Any], name: str) -> str:
    """What the optimism of a model is tied to: data, split, training, the model, its honest scores.

    Parameters
    ----------
    results : mapping
        As in `results.json`.
    name : str
        A key of `models`.

    Returns
    -------
    str
        Another one as soon as the honest score is that of something else.
    """
    config = results["config"]
    recipe = [m for m in config["models"] if (m["label"] or m["name"]) == name]
    return digest(
        [
            results["data_fingerprint"],
            *(config[part] for part in ("split", "training", "windows")),
            recipe,
            results["models"][name]["per_seed"],
        ]
    )


def rows(section: Mapping[str, Any]) -> list[list[str]]:
    """Cells under `HEAD`, the widest gap first."""
    order = sorted(section["scores"].items(), key=lambda s: (-s[1]["gap"]["macro_f1"], s[0]))
    return [
        [
            name,
            f"{s['honest']['macro_f1']:.3f}",
            f"{s['leaky']['macro_f1']:.3f}",
            signed(s["gap"]["macro_f1"]),
            signed_interval(s["gap"]["macro_f1_ci95"]),
            f"{s['honest']['accuracy']:.3f}",
            f"{s['leaky']['accuracy']:.3f}",
        ]
        for name, s in order
    ]


def headline(section: Mapping[str, Any]) -> str:
    """The widest gap in a sentence."""
    name, honest, leaky, gap, *_ = rows(section)[0]
    return (
        f"{name}: macro-F1 {honest} under the protocol of this report; windows dealt out at random "
        f"would have claimed {leaky} ({gap})."
    )


def why(section: Mapping[str, Any]) -> list[str]:
    """Why the higher number is wrong, and what was equal."""
    shared = section["shared"]
    return [
        "The second number is leaky on purpose and no score of the model. Windows were dealt out "
        "to train, validation and test at random, as in much published work: "
        f"{shared['samples']:.0%} of the test windows share samples with a training window (they "
        f"overlap), and {shared['people']:.0%} are of somebody who trains too. It tells how well "
        "a network remembers people and moments that it has seen, not what it does for somebody "
        "new.",
        section["protocol"],
    ]
