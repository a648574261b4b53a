"""`har predict`: a recording to bouts of activity."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from har.config import Table
from har.ingest import opening
from har.runtime.bundle import Bundle
from har.runtime.predict import predict
from har.runtime.prediction import Prediction


def write_csv(predictions: Iterable[Prediction], path: Path) -> None:
    """The bouts as a table: recording, start_s, end_s, activity, confidence."""
    import csv

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as f:
        out = csv.writer(f)
        out.writerow(["recording", "start_s", "end_s", "activity", "confidence"])
        for p in predictions:
            for b in p.bouts:
                times = f"{b.start_s:.3f}", f"{b.end_s:.3f}"
                out.writerow([p.recording, *times, b.activity, f"{b.confidence:.4f}"])


def describe(prediction: Prediction, *, at_most: int = 20) -> str:
    """What the command line prints."""
    p = prediction
    lines = [f"{p.recording}: {_clock(p.length_s)}, {p.n_windows} windows, {len(p.bouts)} bouts"]
    lines += ["", f"{'start':>9} {'end':>9}  {'activity':<24} confidence"]
    for b in p.bouts[:at_most]:
        lines.append(
            f"{_clock(b.start_s):>9} {_clock(b.end_s):>9}  {b.activity:<24} {b.confidence:.2f}"
        )
    if len(p.bouts) > at_most:
        lines.append(f"  … and {len(p.bouts) - at_most} more (--out CSV writes them all)")
    lines += ["", "minutes"]
    lines += [f"{m:9.1f}  {a}" for a, m in p.minutes().items()]
    if p.scores:
        s = p.scores
        lines += [
            "",
            f"against {s['events']} annotated events: F1 {_share(s['f1'])} "
            f"(precision {_share(s['precision'])}, recall {_share(s['recall'])}), "
            f"{s['fragmented']} fragmented, {s['merged']} bouts merge several; "
            f"{s['time_accuracy']:.1%} of the annotated time is named right",
        ]
    lines += ["", f"Live, an answer comes {p.delay_s:.1f} s after the activity begins."]
    if p.walked_s:
        lines.append(f"Turned upright by {p.walked_s} s of walking.")
    elif p.walked_s == 0:
        lines.append(
            "Too little walking to turn the samples upright by: read as recorded, which mixes up "
            "postures. Walk for half a minute somewhere in the recording."
        )
    if p.rejected:
        rows = ", ".join(f"{n} {reason}" for reason, n in p.rejected.items())
        lines.append(f"Rows left out: {rows}.")
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _clock(seconds: float) -> str:
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(int(minutes), 60)
    return f"{hours}:{m:02d}:{s:04.1f}" if hours else f"{m}:{s:04.1f}"


def command(
    folder: Path,
    path: Path,
    *,
    said: Table | None = None,
    out: Path | None = None,
    plot: Path | None = None,
    variant: str = "float32",
    as_json: bool = False,
) -> str:
    """What `har predict` does; returns what it prints.

    Parameters
    ----------
    folder : Path
        The bundle.
    path : Path
        A recording, or a folder or archive of several.
    said : Table, optional
        What the user said of the recording's unit, sign, rate and gravity.
    out, plot : Path, optional
        A CSV and a picture to write; of several recordings, a picture each (`day-2.png`).
    """
    import json

    bundle = Bundle.open(folder)
    predictions = [predict(bundle, s, variant=variant) for s in opening.open_path(path, said)]
    if out:
        write_csv(predictions, out)
    if plot:
        from har.report import timeline

        for i, prediction in enumerate(predictions):
            name = plot if i == 0 else plot.with_stem(f"{plot.stem}-{i + 1}")
            timeline.draw(prediction, name)
    if as_json:
        values = {"recordings": [p.as_dict() for p in predictions]}
        return json.dumps(values, indent=2, ensure_ascii=False)
    return "\n\n".join(describe(p) for p in predictions)
