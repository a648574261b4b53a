"""The front against its definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from har.evaluation.results import (
    Cost,
    ExportFigures,
    ModelScores,
    Results,
    Variant,
    Withheld,
)
from har.report import pareto


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_nothing_beats_what_is_on_the_front(points: list[tuple[int, int]]) -> None:
    cost, score = [float(c) for c, _ in points], [float(s) for _, s in points]
    found = pareto.front(cost, score)
    best = {
        (c, s)
        for c, s in points
        if not any((c2 <= c and s2 > s) or (c2 < c and s2 >= s) for c2, s2 in points)
    }
    assert {points[i] for i in found} == best
    assert [cost[i] for i in found] == sorted(cost[i] for i in found)


def test_a_point_for_each_model_whose_cost_is_known() -> None:
    float32 = Variant(
        bytes=80_000, max_abs_diff=0.0, label_agreement=1.0, macro_f1=0.8, latency_ms_p50=0.1,
        latency_ms_p99=0.2,
    )  # fmt: skip
    float16 = float32.model_copy(update={"bytes": 40_000, "macro_f1": 0.79})
    export = {"float32": float32, "float16": float16, "int8": Withheld(withheld="it crashed")}
    only_timed = Cost(bytes=20_000, latency_ms_p50=0.05, latency_ms_p99=0.06, proven=False)
    scored = {"macro_f1": 0.8, "macro_f1_ci95": [0.7, 0.85], "cost": None}
    results = Results.model_construct(
        models={
            name: ModelScores.model_construct(**{**scored, "export": {}, **of})
            for name, of in {
                "gru": {},
                "cnn": {"macro_f1": 0.7, "cost": only_timed},
                "lstm": {"cost": Withheld(withheld="it crashed")},
                "extra_trees": {},
            }.items()
        }
    ).with_export(ExportFigures(models={"gru": export}, costs={"cnn": only_timed}))
    found = pareto.points(results)
    assert [(p.model, p.variant, p.macro_f1, p.kb, p.proven) for p in found] == [
        ("gru", "float32", 0.8, 80_000 / 1024, True),
        ("gru", "float16", 0.79, 40_000 / 1024, True),
        ("cnn", "float32", 0.7, 20_000 / 1024, False),
    ]
    assert [p.ci95 for p in found] == [[0.7, 0.85], None, [0.7, 0.85]]
    left, right = pareto.draw(results).axes
    bars = [line for line in left.lines if list(line.get_ydata()) == [0.7, 0.85]]
    assert sorted(line.get_xdata()[0] for line in bars) == [0.05, 0.1]
    hollow = [line for line in right.lines if line.get_fillstyle() == "none"]
    assert [line.get_ydata()[0] for line in hollow] == [0.7]
