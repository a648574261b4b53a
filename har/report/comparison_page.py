"""`index.html`: one self-contained file, drawn from `results.json` and the jobs' histories.

No script, no font and no picture comes from elsewhere. Every figure is there for light and for dark
screens, and the browser takes one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from har.evaluation.collect import ModelJobs
from har.report import figures, gap
from har.report.table import count, duration, interval, ordered, signed, signed_interval

History = Mapping[str, Sequence[float]]

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5a636e; --line: #d5d9de;
  --ground: #ffffff; --raised: #f4f6f8; --mark: #e8f1fb; --warn: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa4b0; --line: #3a4048;
  --ground: #14171a; --raised: #1d2126; --mark: #1a2c40; --warn: #3a2c12; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { max-width: 46rem; margin: .5rem 0; } .soft { color: var(--soft); font-size: .9rem; }
.headline { background: var(--mark); border-radius: .4rem; padding: .6rem .9rem; max-width: none; }
.warn { background: var(--warn); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--soft); white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child,
td.text, th.text { text-align: left; } td.text { white-space: normal; min-width: 12rem; }
tr.selected td { background: var(--mark); font-weight: 600; }
figure { margin: .6rem 0; overflow-x: auto; } figure img { max-width: 100%; height: auto;
  min-width: 34rem; }
figcaption { color: var(--soft); font-size: .9rem; max-width: 46rem; }
summary { cursor: pointer; font-weight: 600; padding: .25rem 0; }
code { background: var(--raised); padding: .1em .3em; border-radius: .2rem; font-size: .9em; }
pre { background: var(--raised); padding: .8rem; border-radius: .4rem; overflow-x: auto;
  font-size: .8rem; }
ul { max-width: 46rem; padding-left: 1.2rem; }
"""


def histories(models: Mapping[str, ModelJobs]) -> dict[str, list[History]]:
    """The learning curves of every job, by model; one point, of a model that is solved and not
    trained by epochs, is no curve."""
    return {
        name: [
            j.history if len(j.history.get("loss", ())) > 1 else {}
            for j in sorted(m.done, key=lambda j: (j.seed, j.fold))
        ]
        for name, m in models.items()
    }


def render(results: Mapping[str, Any], curves: Mapping[str, Sequence[History]]) -> str:
    """The page.

    Parameters
    ----------
    results : mapping
        As in `results.json`; what its `export` parts hold is shown where there is any.
    curves : mapping of sequences
        From `histories`.
    """
    title = f"{results['pipeline']}: {len(results['models'])} classifiers compared"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_whom(results))}</p>',
        *_headline(results),
        _section("Comparison", _scores(results)),
        _section("The selected model against the others", _comparisons(results)),
        _section("Person by person", _people(results)),
        _section("Confusion matrices", _confusions(results)),
        _section("Learning curves", _curves(curves)),
        _section("On the phone", _export(results)),
        _section("Protocol", _protocol(results)),
        _section(gap.TITLE, _optimism(results)),
        _section("Nothing leaked", _leakage(results)),
        _section("How to make it again", _provenance(results)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(p for p in parts if p)
        + "\n</body>\n</html>\n"
    )


def write(
    folder: Path, results: Mapping[str, Any], curves: Mapping[str, Sequence[History]]
) -> None:
    """Write `index.html`, `confusion/<model>.png` and `figures/<name>.png` into a folder.

    The pictures are for those who cannot take the page: other programs, and MLflow.
    """
    (folder / "index.html").write_text(render(results, curves), encoding="utf-8")
    drawn = {
        f"confusion/{name}.png": figures.confusion(
            m["confusion"], results["activities"], title=name
        )
        for name, m in results["models"].items()
        if m["confusion"] is not None
    }
    if people := _scores_of_people(results):
        drawn["figures/people.png"] = figures.per_subject(people, results["selected"])
    if _has_curves(curves):
        drawn["figures/learning-curves.png"] = figures.learning_curves(curves)
    if results["critical_difference"]:
        diagram = figures.critical_difference(results["critical_difference"])
        drawn["figures/critical-difference.png"] = diagram
    for name, figure in drawn.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(figures.png(figure, ground="white"))


# Parts -----------------------------------------------------------------------------------------


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{body}\n</section>" if body else ""


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text: Sequence[int] = (),
    selected: int | None = None,
) -> str:
    """Cells are escaped here; columns in `text` are prose."""

    def cell(tag: str, i: int, value: str) -> str:
        kind = ' class="text"' if i in text else ""
        return f"<{tag}{kind}>{escape(value)}</{tag}>"

    lines = ["<tr>" + "".join(cell("th", i, h) for i, h in enumerate(head)) + "</tr>"]
    for n, row in enumerate(rows):
        kind = ' class="selected"' if n == selected else ""
        lines.append(f"<tr{kind}>" + "".join(cell("td", i, c) for i, c in enumerate(row)) + "</tr>")
    return '<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"


def _picture(draw: Callable[..., Any], alt: str, caption: str = "") -> str:
    """A figure for light and one for dark screens."""

    def source(ink: figures.Ink) -> str:
        data = base64.b64encode(figures.svg(draw(ink=ink)).encode()).decode()
        return f"data:image/svg+xml;base64,{data}"

    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="{source(figures.DARK)}"><img src="{source(figures.LIGHT)}" '
        f'alt="{escape(alt)}"></picture>{below}</figure>'
    )


def _whom(results: Mapping[str, Any]) -> str:
    kept = results["windows"]["kept"]
    return (
        f"Data set {results['dataset']}: {len(results['subjects'])} people, {kept:,} windows, "
        f"{len(results['activities'])} activities ({', '.join(results['activities'])})."
    )


def _headline(results: Mapping[str, Any]) -> list[str]:
    out = []
    for i, line in enumerate(results["headline"]):
        warn = " warn" if i == 0 and " is selected" not in line else ""
        out.append(f'<p class="headline{warn}">{escape(line)}</p>')
    return out


def _scores(results: Mapping[str, Any]) -> str:
    names = ordered(results)
    several = any(m["seed_ensemble"] for m in results["models"].values())
    rows = []
    for name in names:
        m = results["models"][name]
        if m["macro_f1"] is None:
            rows.append([name, "failed", *[""] * (8 if several else 7)])
            continue
        rows.append(
            [
                name + ("" if m["exportable"] else " (cannot be exported)"),
                f"{m['macro_f1']:.3f}",
                interval(m["macro_f1_ci95"]),
                _spread(m["macro_f1_seed_sd"]),
                _spread(m["macro_f1_subject_sd"]),
                f"{m['accuracy']:.3f}",
                f"{m['validation_macro_f1']:.3f}",
                *(
                    [_score(m["seed_ensemble"] and m["seed_ensemble"]["macro_f1"])]
                    if several
                    else []
                ),
                count(m["parameters"]),
                duration(m["train_seconds"]),
            ]
        )
    head = ["model", "macro-F1", "95 % over people", "SD over seeds", "SD over people", "accuracy",
            "validation macro-F1", *(["seeds averaged"] if several else []), "parameters",
            "training"]  # fmt: skip
    selected = names.index(results["selected"]) if results["selected"] else None
    note = (
        "Scores on people whom the models never saw. The model was selected by its macro-F1 on "
        "validation people, not by these."
    )
    if several:
        note += (
            " Seeds averaged: the macro-F1 of the mean probability of all seeds, several networks "
            "at once; what ships is one."
        )
    return _table(head, rows, selected=selected) + f'<p class="soft">{note}</p>'


def _spread(sd: float | None) -> str:
    return "–" if sd is None else f"{sd:.3f}"


def _comparisons(results: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{c['a']} − {c['b']}",
            signed(c["difference"]),
            signed_interval(c["ci95"]),
            str(c["n_subjects"]),
            f"{c['p']:.2g}",
            f"{c['p_holm']:.2g}",
            f"{c['p_attainable']:.2g}",
            c["verdict"],
        ]
        for c in results["comparisons"]
    ]
    if not rows:
        return ""
    head = ["pair", "difference in macro-F1", "95 % over people", "people", "p", "p (Holm)",
            "smallest possible p", "verdict"]  # fmt: skip
    out = _table(head, rows)
    diagram = results.get("critical_difference")
    if diagram:
        out += _picture(
            lambda ink: figures.critical_difference(diagram, ink=ink),
            "critical-difference diagram",
            f"All pairs over {diagram['n_subjects']} people. A bar joins models that signed-rank "
            f"tests with Holm's correction cannot tell apart. Friedman p = "
            f"{diagram['friedman_p']:.2g}.",
        )
    return out


def _people(results: Mapping[str, Any]) -> str:
    scores = _scores_of_people(results)
    if not scores:
        return ""
    return _picture(
        lambda ink: figures.per_subject(scores, results["selected"], ink=ink),
        "macro-F1 of each person under each model",
        "Each row is a person, in order of the selected model's score (diamonds); the mean over "
        "seeds.",
    )


def _scores_of_people(results: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    scores = {n: results["models"][n]["per_subject"] for n in ordered(results)}
    return {n: of for n, of in scores.items() if of}


def _confusions(results: Mapping[str, Any]) -> str:
    out = []
    names = ordered(results)
    names.sort(key=lambda n: n != results["selected"])
    for i, name in enumerate(names):
        m = results["models"][name]
        if m["confusion"] is None:
            continue
        picture = _picture(
            lambda ink, m=m: figures.confusion(m["confusion"], results["activities"], ink=ink),
            f"confusion matrix of {name}",
        )
        of = m["per_class"]
        table = _table(
            ["activity", "precision", "recall", "F1", "windows"],
            [
                [a, *(_score(of[s][k]) for s in ("precision", "recall", "f1")),
                 f"{of['support'][k]:,}"]
                for k, a in enumerate(results["activities"])
            ],
        )  # fmt: skip
        state = " open" if i == 0 else ""
        out.append(f"<details{state}><summary>{escape(name)}</summary>{picture}{table}</details>")
    seeds = len(results["seeds"])
    note = f"Counts are summed over {seeds} seeds. " if seeds > 1 else ""
    return f'<p class="soft">{note}Rows are true activities.</p>' + "\n".join(out)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _curves(curves: Mapping[str, Sequence[History]]) -> str:
    if not _has_curves(curves):
        return ""
    return _picture(
        lambda ink: figures.learning_curves(curves, ink=ink),
        "learning curves",
        "Mean over folds and seeds; the shade spans them. The training loss is of augmented, "
        "weighted batches with dropout, where these are on.",
    )


def _has_curves(curves: Mapping[str, Sequence[History]]) -> bool:
    return any(h.get("loss") for hs in curves.values() for h in hs)


def _export(results: Mapping[str, Any]) -> str:
    rows = []
    for name in ordered(results):
        for variant, e in results["models"][name]["export"].items():
            rows.append(
                [
                    f"{name}, {variant}",
                    _cell(e, "bytes", lambda v: f"{v / 1024:.0f} kB"),
                    _cell(e, "max_abs_diff", lambda v: f"{v:.1e}"),
                    _cell(e, "label_agreement", lambda v: f"{v:.2%}"),
                    _cell(e, "macro_f1", lambda v: f"{v:.3f}"),
                    _cell(e, "latency_ms_p50", lambda v: f"{v:.2f} ms"),
                    str(e.get("withheld") or e.get("reason") or ""),
                ]
            )
    if not rows:
        return ""
    if not any(row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
    head = ["model, variant", "size", "largest difference in probability", "labels equal",
            "macro-F1 after conversion", "median time here", "withheld because"]  # fmt: skip
    note = "Differences are from the Keras model, on people whom it never saw."
    return _table(head[: len(rows[0])], rows, text=[6]) + f'<p class="soft">{note}</p>'


def _cell(entry: Mapping[str, Any], key: str, show: Callable[[Any], str]) -> str:
    value = entry.get(key)
    return "–" if value is None else show(value)


def _protocol(results: Mapping[str, Any]) -> str:
    w = results["windows"]
    rejected = "; ".join(f"{n:,} {reason}" for reason, n in w["rejected"].items()) or "none"
    notes = "".join(f"<li>{escape(s)}</li>" for s in results["statistics"])
    folds = _table(
        ["fold", "tested", "validating", "training"],
        [
            [str(i), *(", ".join(f[p]) for p in ("test", "validation", "train"))]
            for i, f in enumerate(results["folds"])
        ],
        text=[1, 2, 3],
    )
    return (
        f"<p>{escape(results['protocol'])}</p>"
        f'<p class="soft">Windows kept: {w["kept"]:,}. Left out: {escape(rejected)}.</p>'
        f"<ul>{notes}</ul><details><summary>Who is in which fold</summary>{folds}</details>"
    )


def _optimism(results: Mapping[str, Any]) -> str:
    section = results.get("optimism")
    if not section:
        return ""
    return (
        f'<p class="headline warn">{escape(gap.headline(section))}</p>'
        + _table(gap.HEAD, gap.rows(section))
        + "".join(f"<p>{escape(line)}</p>" for line in gap.why(section))
    )


def _leakage(results: Mapping[str, Any]) -> str:
    rows = [
        [
            str(f["fold"]),
            ", ".join(f["shared_subjects"]) or "none",
            str(f["shared_samples"]),
            str(f["duplicate_windows"]),
            _cell(f, "scaler_max_abs_diff", lambda v: f"{v:.1e} m/s²"),
            _cell(f, "early_stopping_max_abs_diff", lambda v: f"{v:.1e}"),
        ]
        for f in results["leakage"]["folds"]
    ]
    head = ["fold", "shared people", "shared samples", "stretches found twice",
            "standardisation off by", "epoch's score off by"]  # fmt: skip
    note = (
        "Computed from what is on disk: stored predictions, raw intervals and their content, and "
        "the weights of the saved models against statistics of their own training windows."
    )
    table = _table(head, rows)
    return f'<p class="soft">{note}</p><details><summary>Fold by fold</summary>{table}</details>'


def _provenance(results: Mapping[str, Any]) -> str:
    trained = {k: m for k, m in results["models"].items() if m.get("backend")}
    rows = [
        ["command", f"har run {results['pipeline']}, with the configuration below"],
        ["data fingerprint", results["data_fingerprint"]],
        ["config key", results["config_key"]],
        ["code", results["code"]],
        *([k, str(v)] for k, v in results["versions"].items()),
        ["trained on", ", ".join(f"{k}: {m['backend']}" for k, m in trained.items())],
    ]
    config = escape(json.dumps(results["config"], indent=1, ensure_ascii=False))
    return (
        _table(["", ""], rows, text=[1])
        + f"<details><summary>The whole configuration</summary><pre>{config}</pre></details>"
    )
