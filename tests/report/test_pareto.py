"""The front against its definition."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from har.evaluation.results import ModelScores, Results, Variant, Withheld
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


def test_a_picture_of_what_ships(tmp_path: Path) -> None:
    entry = Variant(
        bytes=80_000, max_abs_diff=0.0, label_agreement=1.0, macro_f1=0.8, latency_ms_p50=0.1,
        latency_ms_p99=0.2,
    )  # fmt: skip
    export = {
        "gru": {"float32": entry, "int8": Withheld(withheld="it crashed")},
        "cnn": {"float32": entry.model_copy(update={"macro_f1": 0.9})},
        "extra_trees": {},
    }
    results = Results.model_construct(
        models={name: ModelScores.model_construct(export=of) for name, of in export.items()}
    )
    found = pareto.points(results)
    assert [(p.model, p.variant) for p in found] == [("gru", "float32"), ("cnn", "float32")]
    pareto.draw(results, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
