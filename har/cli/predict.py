"""`har predict`: a recording to bouts of activity."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from har.cli import options, output
from har.plural import counted
from har.workspace import Workspace

if TYPE_CHECKING:
    from har.runtime.manifest import Description
    from har.runtime.prediction import Prediction


@click.command()
@click.argument("bundle")
@click.argument("recording", type=click.Path(path_type=Path))
@options.out("Write bouts as CSV.")
@click.option("--plot", type=options.file, help="Draw a timeline as PNG.")
@click.option(
    "--variant",
    default="float32",
    show_default=True,
    help="Variant of the model: float32, dynamic, float16 or int8.",
)
@click.option(
    "--sets",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="LEVEL",
    help="Predict sets of activities that contain the right one for this share of a new person's "
    "windows, such as 0.9.",
)
@click.option(
    "--adapter",
    type=options.file,
    metavar="FILE",
    help="Apply the wearer's adapter, made by `har adapt`.",
)
@options.reading
@options.as_json
@click.pass_obj
def predict(
    workspace: Workspace, bundle: str, recording: Path, out: Path | None, plot: Path | None,
    variant: str, sets: float | None, adapter: Path | None, as_json: bool, **said: Any,
) -> None:  # fmt: skip
    """Label a recording: bouts of activity, and the minutes of each activity.

    BUNDLE is what `har export` wrote, or the name of its pipeline (of several models, `watch/cnn`)
    or that pipeline's file; RECORDING a file, folder or archive of any format that `har data check`
    knows. Only the interpreter runs, as on a phone.

    \b
    Example:
      har predict watch walk.csv --out bouts.csv --plot day.png
    """
    from har.api.bundles import Bundle
    from har.runtime.bundle import find_bundle

    opened = Bundle.open(find_bundle(bundle, workspace.reports))
    known = {name: value for name, value in said.items() if value is not None}
    predicted, left_out = opened.predictions(
        recording, variant=variant, sets=sets, adapter=adapter, **known
    )
    found = [scored(p, opened.manifest) for p in predicted]
    if out:
        write_csv(found, out)
    if plot:
        from har.report import timeline

        for i, prediction in enumerate(found):
            name = plot if i == 0 else plot.with_stem(f"{plot.stem}-{i + 1}")
            timeline.draw(prediction, name)
    if as_json:
        skipped = [{"name": name, "reason": reason} for name, reason in left_out]
        output.echo_json({"recordings": [p.as_dict() for p in found], "left_out": skipped})
    else:
        lines = "\n".join(output.left_out(left_out))
        click.echo("\n\n".join([*map(describe, found), *([lines] if lines else [])]))


def scored(prediction: Prediction, about: Description) -> Prediction:
    """The prediction with its scores against the recording's annotations, if it has any."""
    from har.evaluation import events

    scores = events.score(
        [(b.start_s, b.end_s, b.activity) for b in prediction.bouts],
        prediction.annotations,
        activities=about.activities,
        labels=about.data.labels,
    )
    return dataclasses.replace(prediction, scores=scores)


def write_csv(predictions: Iterable[Prediction], path: Path) -> None:
    """The bouts as a table: recording, start_s, end_s, activity, confidence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as f:
        out = csv.writer(f)
        out.writerow(["recording", "start_s", "end_s", "activity", "confidence"])
        for p in predictions:
            for b in p.bouts:
                times = f"{b.start_s:.3f}", f"{b.end_s:.3f}"
                out.writerow([p.recording, *times, b.activity, f"{b.confidence:.4f}"])


def describe(prediction: Prediction, *, at_most: int = 20) -> str:
    """Bouts, minutes of each activity, and what the reader should know of them."""
    p = prediction
    size = f"{counted(p.n_windows, 'window')}, {counted(len(p.bouts), 'bout')}"
    lines = [f"{p.recording}: {_clock(p.length_s)}, {size}"]
    for u in p.unlike:
        lines.append(f"Unlike the training recordings: {u.message} {u.advice}")
    if p.read_as:
        lines.append(f"Read as {', '.join(f'{k} {v}' for k, v in p.read_as.items())}.")
    if p.not_judged:
        lines.append(p.not_judged)
    lines += ["", f"{'start':>9} {'end':>9}  {'activity':<24} confidence"]
    for b in p.bouts[:at_most]:
        lines.append(
            f"{_clock(b.start_s):>9} {_clock(b.end_s):>9}  {b.activity:<24} {b.confidence:.2f}"
        )
    if len(p.bouts) > at_most:
        lines.append(f"  … and {len(p.bouts) - at_most} more (--out CSV writes them all)")
    lines += ["", "minutes"]
    lines += [f"{m:9.1f}  {a}" for a, m in p.minutes().items()]
    if p.unfamiliar:
        lines.append(
            f"{p.unfamiliar} of {p.n_windows} windows are unknown since they are unlike all that "
            "the model was trained on."
        )
    if p.sets is not None:
        lines += ["", f"{'start':>9} {'end':>9}  one of"]
        for s in p.sets[:at_most]:
            named = ", ".join(s.activities) or "none of them is likely"
            lines.append(f"{_clock(s.start_s):>9} {_clock(s.end_s):>9}  {named}")
        if len(p.sets) > at_most:
            lines.append(f"  … and {len(p.sets) - at_most} more (--json has them all)")
    if p.scores:
        of = p.scores
        lines += [
            "",
            f"against {of['events']} annotated events: F1 {_share(of['f1'])} "
            f"(precision {_share(of['precision'])}, recall {_share(of['recall'])}), "
            f"{of['fragmented']} fragmented, {of['merged']} bouts merge several; "
            f"{of['time_accuracy']:.1%} of the annotated time is named right",
        ]
    lines += ["", f"Live, an answer comes {p.delay_s:.1f} s after the activity begins."]
    if p.walked_s:
        lines.append(f"Aligned with gravity by {p.walked_s} s of walking.")
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
