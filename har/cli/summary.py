"""What a finished stage, and a finished run, say in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.cli.output import left_out, wrapped
from har.evaluation.numerals import duration, interval, kb, ms, score
from har.files import read_json
from har.plural import counted
from har.progress import roughly
from har.report.table import padded

if TYPE_CHECKING:
    from har.evaluation.results import Results
    from har.session import Run
    from har.store import Output
    from har.tracking import Sent


# Stages ----------------------------------------------------------------------------------------


def ingest(output: Output) -> str:
    """Who and what was recorded, where every sample went, and what is wrong."""
    s = read_json(output.path / "summary.json")
    rates = ", ".join(f"{rate} Hz × {n}" for rate, n in s["rates_hz"].items())
    if len(s["rates_hz"]) > 4:
        slowest, *_, fastest = s["rates_hz"]
        rates = f"{slowest} to {fastest} Hz by their timestamps"
    lines = [
        f"{s['dataset']} ({s['placement']}): {counted(len(s['subjects']), 'subject')}, "
        f"{counted(s['recordings'], 'recording')}, {s['hours']:.2f} h; {rates}",
        *(f"  {f['severity']}: {f['first']}" for f in s["findings"] if f["code"] == "loss"),
        "",
        *_activities(s),
    ]
    samples = s["samples"]
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in samples["rejected"].items())
    lines += [
        "",
        f"  samples: {samples['in']:,} in = {samples['kept']:,} kept"
        + (f" + rejected: {rejected}" if rejected else " (none rejected)"),
    ]
    files = [(f["file"], f["reason"]) for f in (*s["files_rejected"], *s["not_used"])]
    lines += [f"  {line}" for line in left_out(files)]
    for severity in ("error", "warning"):
        lines += [
            f"  {severity}: {f['code']} ({f['action']}, {_times(f)}): {f['first']}"
            for f in s["findings"]
            if f["severity"] == severity and f["code"] != "loss"
        ]
    if notes := [f for f in s["findings"] if f["severity"] == "info"]:
        lines.append("  notes: " + ", ".join(f"{f['code']} ({_times(f)})" for f in notes))
    if s["missing"]:
        lines.append(f"  not in this copy: {', '.join(s['missing'])}")
    return "\n".join(lines)


def _activities(summary: Mapping[str, Any]) -> list[str]:
    rows, notes = [("activity", "minutes", "subjects")], [""]
    for label, row in summary["activities"].items():
        rows.append((label, f"{row['minutes']:.1f}", str(row["subjects"])))
        absent = row.get("absent", [])
        more = " …" if len(absent) > 6 else ""
        notes.append(f"  (not: {', '.join(absent[:6])}{more})" if absent else "")
    if summary["unlabelled_minutes"] > 0.05:
        rows.append(("(no label)", f"{summary['unlabelled_minutes']:.1f}", ""))
        notes.append("")
    return [f"  {line}{note}" for line, note in zip(padded(rows, text=1), notes, strict=True)]


def _times(finding: Mapping[str, Any]) -> str:
    return counted(finding["sources"], "source")


def prepare(output: Output) -> str:
    """How many windows of what length, and how many were rejected."""
    about = read_json(output.path / "prepared.json")
    rejected = about["rejected"]
    lost = ", ".join(f"{n} {reason}" for reason, n in rejected.items()) or "none"
    return wrapped(
        f"{_aligned(about['aligned'])}{counted(output.meta['windows'], 'window')} of "
        f"{about['n_samples']} samples "
        f"({about['n_samples'] / about['rate_hz']:g} s at {about['rate_hz']:g} Hz), "
        f"{len(about['activities'])} activities, {counted(output.meta['subjects'], 'subject')}; "
        f"rejected: {lost}"
    )


def _aligned(seconds: Mapping[str, int]) -> str:
    if not seconds:
        return ""
    lacking = [name for name, s in seconds.items() if not s]
    said = f"{len(seconds) - len(lacking)} of {len(seconds)} recordings aligned with gravity"
    if lacking:
        some = ", ".join(lacking[:3]) + (", …" if len(lacking) > 3 else "")
        said += f" (not aligned for lack of walking: {some})"
    return f"{said}; "


def train(output: Output) -> str:
    n = len(output.meta["failed"])
    return f"{counted(output.meta['jobs'], 'job')} trained" + (f", {n} of them failed" if n else "")


def comparison(results: Results) -> str:
    """The headline and a line for each model; `*` marks the selected one."""
    rows = [("  model", "macro-F1", "95 % CI", "accuracy", "valid.", "size", "time",
             "train")]  # fmt: skip
    for name in results.ranked:
        m = results.models[name]
        mark = "*" if name == results.selected else " "
        if m.macro_f1 is None:
            rows.append((f"{mark} {name}", "failed", "", "", "", "", "", ""))
            continue
        low_high = interval(m.macro_f1_ci95).replace(" to ", "–")
        rows.append(
            (
                f"{mark} {name}",
                score(m.macro_f1),
                low_high,
                score(m.accuracy),
                score(m.validation_macro_f1),
                kb(m.measured),
                ms(m.measured),
                duration(m.train_seconds) if m.train_seconds < 100 else roughly(m.train_seconds),
            )
        )
    head = [wrapped(line) for line in results.headline]
    return "\n".join([*head, "", *padded(rows, text=1)])


def export(output: Output, folder: Path) -> str:
    """The variants of each bundle, and what each of them costs.

    Parameters
    ----------
    output : Output
        Of the stage.
    folder : Path
        Where its bundles are published.
    """
    from har.runtime.bundle import Bundle
    from har.runtime.manifest import STEP

    lines = []
    for name in output.meta["models"]:
        m = Bundle.open(output.path / "bundle" / name).manifest
        several = f" (mean of {len(m.trained_on.members)} seeds)" if m.trained_on.members else ""
        lines.append(f"Bundle: {folder / name}{several}")
        for variant, v in m.variants.items():
            lines.append(
                f"  {variant:<8} {v.bytes / 1024:6.0f} kB  {v.latency_ms_p50:.2f} ms  "
                f"macro-F1 {v.macro_f1:.3f}  labels as Keras {v.label_agreement:.2%}"
            )
        if step := m.step_file:
            lines.append(
                f"  {STEP:<8} {step.bytes / 1024:6.0f} kB  {step.step_samples} samples at a time"
            )
        lines += [wrapped(why, first=f"  {v:<8} withheld: ") for v, why in m.withheld.items()]
    return "\n".join(lines)


AT_ONCE = {"ingest": ingest, "prepare": prepare, "train": train}
"""Stages that are shown as soon as they have run."""


# A run -----------------------------------------------------------------------------------------


def closing(run: Run) -> list[str]:
    """What a run is for is shown at its end, also when nothing had to be done."""
    from har.evaluation.stage import scores
    from har.report.stage import published

    texts = []
    if report := run.outputs.get("report"):
        texts += [comparison(published(report)), f"Report: {run.folder / 'index.html'}"]
    elif compared := run.outputs.get("compare"):
        texts.append(comparison(scores(compared)))
    if exported := run.outputs.get("export"):
        texts.append(export(exported, run.folder / "bundle"))
    last = run.steps[-1]
    if not texts and last.state == "up to date" and last.stage.name in AT_ONCE:
        texts.append(AT_ONCE[last.stage.name](run.outputs[last.stage.name]))
    return texts


def sent(what: Sent) -> str:
    return f"{counted(what.added, 'run')} sent to MLflow ({what.uri}) in {what.seconds:.0f} s"
