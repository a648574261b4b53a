"""A committed page per data set: Markdown with figures, made from `results.json`.

The report of a run is for whoever ran it and is not committed; this is for whoever reads the
repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from har.evaluation.numerals import count, duration, interval, score, signed, signed_interval
from har.evaluation.results import Results
from har.report import figures, gap
from har.report.table import markdown

MEANING = "## What it means"


def write(folder: Path, results: Results, *, command: str | None = None) -> list[Path]:
    """Write the page of a pipeline, its figures and its `results.json`.

    Parameters
    ----------
    folder : Path
        `reports/`: gets `<pipeline>.md`, `<pipeline>.results.json`, `figures/<pipeline>-*.png`.
    command : str, optional
        That made them; `har run <pipeline>` if left out.

    Returns
    -------
    list of Path
        What was written. The part *What it means* is written by people: one that is there stays.
    """
    name = results.pipeline
    pictures = folder / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    drawn = {n: pictures / f"{name}-{n}.png" for n in _figures(results)}
    for kind, draw in _figures(results).items():
        drawn[kind].write_bytes(figures.png(draw, ground="white", dpi=110))
    page, data = folder / f"{name}.md", folder / f"{name}.results.json"
    old = page.read_text(encoding="utf-8") if page.is_file() else ""
    _, _, meaning = old.partition(MEANING + "\n")
    text = render(results, command=command or f"har run {name}", kinds=list(drawn))
    page.write_text(text + MEANING + "\n" + (meaning or "\n…\n"), encoding="utf-8")
    results.write(data)
    return [page, data, *drawn.values()]


def _figures(results: Results) -> dict[str, Any]:
    """Figures by the end of their file's name."""
    out = {}
    selected = results.selected or results.ranked[0]
    counts = results.models[selected].confusion
    if counts is not None:
        out["confusion"] = figures.confusion(counts, results.activities, title=selected)
    if people := results.per_subject:
        out["people"] = figures.per_subject(people, results.selected)
    if results.critical_difference:
        out["ranks"] = figures.critical_difference(results.critical_difference)
    return out


def render(results: Results, *, command: str, kinds: list[str]) -> str:
    """The page up to what it means.

    Parameters
    ----------
    kinds : list of str
        The figures that there are.
    """
    name = results.pipeline
    captions = {
        "confusion": "Confusion matrix of the selected model, on people whom it never saw.",
        "people": "Each person's macro-F1 under each model; diamonds are the selected one.",
        "ranks": "Average ranks; a bar joins models that cannot be told apart.",
    }
    blocks = [
        f"# {name}",
        *results.headline,
        f"```sh\n{command}\n```",
        f"{len(results.subjects)} people, {results.windows.kept:,} windows, "
        f"{len(results.activities)} activities: {', '.join(results.activities)}.",
        _scores(results),
    ]
    if results.comparisons:
        blocks.append(_comparisons(results))
    blocks += [f"![{captions[k]}](figures/{name}-{k}.png)\n\n*{captions[k]}*" for k in kinds]
    blocks += [
        "## Protocol",
        results.protocol,
        _rejected(results),
        "\n".join(f"- {line}" for line in results.statistics),
        *_optimism(results),
        "## How sure that nothing leaked",
        _leakage(results),
        "## Made with",
        f"Data `{results.data_fingerprint}`, settings `{results.config_key}`, code "
        f"`{results.code}`; "
        + ", ".join(f"{k} {v}" for k, v in results.versions.items())
        + f". All numbers: [`{name}.results.json`]({name}.results.json).",
    ]
    return "\n\n".join(b for b in blocks if b) + "\n\n"


def _scores(results: Results) -> str:
    rows = []
    for name in results.ranked:
        m = results.models[name]
        bold = "**" if name == results.selected else ""
        if m.macro_f1 is None:
            rows.append([name, "failed", *[""] * 7])
            continue
        rows.append(
            [
                f"{bold}{name}{bold}",
                f"{bold}{score(m.macro_f1)}{bold}",
                interval(m.macro_f1_ci95),
                score(m.macro_f1_seed_sd),
                score(m.macro_f1_subject_sd),
                score(m.accuracy),
                score(m.validation_macro_f1),
                count(m.parameters),
                duration(m.train_seconds),
            ]
        )
    return markdown(
        ["model", "macro-F1", "95 % over people", "SD over seeds", "SD over people", "accuracy",
         "validation macro-F1", "parameters", "training"],
        rows,
    )  # fmt: skip


def _comparisons(results: Results) -> str:
    rows = [
        [
            f"{c.a} − {c.b}",
            signed(c.difference),
            signed_interval(c.ci95),
            f"{c.p_holm:.2g}",
            f"{c.p_attainable:.2g}",
            c.verdict,
        ]
        for c in results.comparisons
    ]
    return markdown(
        ["pair", "difference", "95 % over people", "p (Holm)", "smallest possible p", "verdict"],
        rows,
    )


def _rejected(results: Results) -> str:
    rejected = results.windows.rejected
    text = "; ".join(f"{n:,} {reason}" for reason, n in rejected.items())
    return f"Windows left out: {text or 'none'}."


def _optimism(results: Results) -> list[str]:
    section = results.optimism
    if not section:
        return []
    return [
        f"## {gap.TITLE}",
        gap.headline(section),
        markdown(list(gap.HEAD), gap.rows(section)),
        *gap.why(section),
    ]


def _leakage(results: Results) -> str:
    folds = results.leakage.folds
    scaler = [f.scaler_max_abs_diff for f in folds if f.scaler_max_abs_diff is not None]
    text = (
        f"Computed from what {len(folds)} {'fold' if len(folds) == 1 else 'folds'} left on disk: "
        f"{sum(len(f.shared_subjects) for f in folds)} people, "
        f"{sum(f.shared_samples for f in folds)} raw samples and "
        f"{sum(f.duplicate_windows for f in folds)} stretches of signal in more than one of "
        "train, validation and test."
    )
    if scaler:
        text += (
            f" The saved models' standardisation differs by at most {max(scaler):.1e} m/s² from "
            "that of their own training windows."
        )
    return text
