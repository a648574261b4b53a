"""The lab: activity recognition by the pipeline, five architectures with and without dropout."""

from __future__ import annotations

from har.evaluation.results import ModelScores, Results
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
    "models=[{name: gru, label: gru, params: {units: 8, front: none, frame: 8}},"
    " {name: gru, label: gru-plain, params: {units: 8, front: none, frame: 8, dropout: 0.0}}]",
)


def results(setting: Setting) -> Results:
    """Run the pipeline to its report, without an export."""
    from har import session

    done = session.run(
        setting.root, PIPELINE, without=("export",), overrides=QUICK if setting.quick else (),
        on_step=lambda step: setting.say(f"{step.stage.name}: {step.state}"),
    )  # fmt: skip
    done.require()
    return Results.published(done.context.workspace.reports, done.context.pipeline.name)


def run(setting: Setting) -> Result:
    found = results(setting)
    name = found.pipeline
    models = {k: m for k, m in found.models.items() if m.macro_f1 is not None}
    scores = {k: m.macro_f1 or 0.0 for k, m in models.items()}
    rows = [
        exact("models trained and compared", 2 if setting.quick else 10, len(models)),
        exact("no leakage (checked in the stored files)", True, found.leakage.ok),
        exact(
            "the comparison report", "written",
            "written" if (setting.root / "reports" / name / "index.html").is_file() else "missing",
        ),
    ]  # fmt: skip
    if not setting.quick:
        chance = 1 / len(found.activities)
        for label in [k for k in models if not k.endswith(PLAIN)]:
            rows.append(above(f"{label}: macro-F1 on held-out people", 2 * chance,
                              scores[label], "twice chance"))  # fmt: skip
    gains = {k: s - scores[k + PLAIN] for k, s in scores.items() if k + PLAIN in scores}
    helped = [label for label, gain in gains.items() if gain > 0]
    best = max(scores, key=lambda k: scores[k])
    lines = [f"{'model':<20} {'macro-F1':>8}  {'95 % of people':<15} parameters"]
    for label in sorted(scores, key=lambda k: -scores[k]):
        low, high = models[label].macro_f1_ci95 or (float("nan"), float("nan"))
        lines.append(f"{label:<20} {scores[label]:8.3f}  {low:.3f} to {high:.3f}  "
                     f"{models[label].parameters or 0:>10,}")  # fmt: skip
    return Result(
        rows,
        [_draw(setting, models, 1 / len(found.activities))],
        f"{len(found.subjects)} people, {len(found.folds)} folds: all scores are on held-out "
        f"people. Here {best} did best. Dropout raised the mean score of "
        f"{len(helped)} of {len(gains)} architectures"
        f"{' (' + ', '.join(helped) + ')' if helped else ''}; with so few people most "
        "such differences are smaller than the spread between people, which is why the report "
        f"has intervals and a test for each pair: reports/{name}/index.html (`har run {PIPELINE}` "
        "makes it again, `har ui` shows the curves).",
        "\n".join(lines),
    )


def _draw(setting: Setting, models: dict[str, ModelScores], chance: float) -> str:
    figure, axes = drawing.new_figure(size=(8.5, 4))
    ax = axes[0, 0]
    names = [k for k in models if not k.endswith(PLAIN)]
    for shift, suffix, colour, label in (
        (-0.2, PLAIN, drawing.SKY, "without dropout"),
        (0.2, "", drawing.BLUE, "with dropout"),
    ):
        for i, name in enumerate(names):
            m = models.get(name + suffix)
            if m is None or m.macro_f1 is None:
                continue
            low, high = m.macro_f1_ci95 or (m.macro_f1, m.macro_f1)
            ax.bar(i + shift, m.macro_f1, 0.38, color=colour, label=label if i == 0 else None)
            ax.plot([i + shift] * 2, [low, high], color="black", linewidth=1)
    ax.axhline(chance, color=drawing.GREY, linestyle="--", linewidth=1, label="chance")
    ax.set_xticks(range(len(names)), names)
    ax.set(ylim=(0, 1), ylabel="macro-F1, held-out people",
           title="The lab: five architectures (lines: 95 % over people)")  # fmt: skip
    ax.legend(frameon=False, loc="upper left", ncols=3)
    return drawing.save(figure, setting.out, "har.png")


LECTURE = Lecture(
    "har",
    "The lab: human activity recognition",
    "The whole course on one real problem, scored on held-out people.",
    run,
)
