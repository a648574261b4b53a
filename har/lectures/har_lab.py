"""The lab: activity recognition by the pipeline, five architectures with and without dropout."""

from __future__ import annotations

import json
from typing import Any

from har.lectures import drawing
from har.lectures.comparing import above, exact
from har.lectures.result import Lecture, Result, Setting

PIPELINE = "lecture-har"
PLAIN = "-plain"  # the label of a model without dropout ends so
QUICK = (
    "name=lecture-har-quick",
    "windows.overlap=0.0",
    "split.folds=2",
    "training.epochs=1",
    "models=[{name: gru, label: gru, params: {units: 8}},"
    " {name: gru, label: gru-plain, params: {units: 8, dropout: 0.0}}]",
)


def results(setting: Setting) -> dict[str, Any]:
    """Run the pipeline up to its report; what `results.json` says."""
    from har import session

    context = session.run(
        setting.root, PIPELINE, until="report", echo=setting.say,
        overrides=QUICK if setting.quick else (),
    )  # fmt: skip
    path = context.workspace.reports / context.pipeline.name / "results.json"
    out: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return out


def run(setting: Setting) -> Result:
    found = results(setting)
    name = found["pipeline"]
    models = {k: m for k, m in found["models"].items() if m["macro_f1"] is not None}
    rows = [
        exact("models trained and compared", 2 if setting.quick else 10, len(models)),
        exact("nothing leaked (proof from what is stored)", True, found["leakage"]["ok"]),
        exact(
            "the comparison report", "written",
            "written" if (setting.root / "reports" / name / "index.html").is_file() else "missing",
        ),
    ]  # fmt: skip
    if not setting.quick:
        chance = 1 / len(found["activities"])
        for label in [k for k in models if not k.endswith(PLAIN)]:
            rows.append(above(f"{label}: macro-F1 on people never seen", 2 * chance,
                              models[label]["macro_f1"], "twice chance"))  # fmt: skip
    gains = {
        label: m["macro_f1"] - models[label + PLAIN]["macro_f1"]
        for label, m in models.items()
        if label + PLAIN in models
    }
    helped = [label for label, gain in gains.items() if gain > 0]
    best = max(models, key=lambda k: models[k]["macro_f1"])
    lines = [f"{'model':<20} {'macro-F1':>8}  {'95 % of people':<15} parameters"]
    for label, m in sorted(models.items(), key=lambda item: -item[1]["macro_f1"]):
        low, high = m["macro_f1_ci95"] or (float("nan"), float("nan"))
        lines.append(f"{label:<20} {m['macro_f1']:8.3f}  {low:.3f} to {high:.3f}  "
                     f"{m['parameters'] or 0:>10,}")  # fmt: skip
    return Result(
        rows,
        [_draw(setting, models, 1 / len(found["activities"]))],
        f"{len(found['subjects'])} people, {len(found['folds'])} folds: whoever is tested was "
        f"never seen in training. Here {best} did best. Dropout raised the mean score of "
        f"{len(helped)} of {len(gains)} architectures"
        f"{' (' + ', '.join(helped) + ')' if helped else ''}; with so few people most "
        "such differences are smaller than the spread between people, which is why the report "
        f"has intervals and a test for each pair: reports/{name}/index.html (`har run {PIPELINE}` "
        "makes it again, `har ui` shows the curves).",
        "\n".join(lines),
    )


def _draw(setting: Setting, models: dict[str, dict[str, Any]], chance: float) -> str:
    figure, axes = drawing.new_figure(size=(8.5, 4))
    ax = axes[0, 0]
    names = [k for k in models if not k.endswith(PLAIN)]
    for shift, suffix, colour, label in (
        (-0.2, PLAIN, drawing.SKY, "without dropout"),
        (0.2, "", drawing.BLUE, "with dropout"),
    ):
        for i, name in enumerate(names):
            m = models.get(name + suffix)
            if m is None:
                continue
            low, high = m["macro_f1_ci95"] or (m["macro_f1"], m["macro_f1"])
            ax.bar(i + shift, m["macro_f1"], 0.38, color=colour, label=label if i == 0 else None)
            ax.plot([i + shift] * 2, [low, high], color="black", linewidth=1)
    ax.axhline(chance, color=drawing.GREY, linestyle="--", linewidth=1, label="chance")
    ax.set_xticks(range(len(names)), names)
    ax.set(ylim=(0, 1), ylabel="macro-F1, people never seen",
           title="The lab: five architectures (lines: 95 % over people)")  # fmt: skip
    ax.legend(frameon=False, loc="upper left", ncols=3)
    return drawing.save(figure, setting.out, "har.png")


LECTURE = Lecture(
    "har",
    "The lab: human activity recognition",
    "The whole course on one real question, scored on people whom no model has seen.",
    run,
)
