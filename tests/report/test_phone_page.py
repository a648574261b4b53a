"""The page's part about models: written anew between its marks, the rest left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from har.errors import BundleError
from har.evaluation.results import ExportFigures, Variant
from har.report import phone_page
from tests.small_bundles import RESULTS


def test_the_part_between_the_marks(make_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "small"
    for name in ("gru", "cnn"):
        source = make_bundle(name)
        target = folder / "bundle" / name
        target.mkdir(parents=True)
        for path in source.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
    float32 = Variant(
        bytes=80_000, max_abs_diff=0.0, label_agreement=1.0, macro_f1=0.8, latency_ms_p50=0.1,
        latency_ms_p99=0.2,
    )  # fmt: skip
    exported = ExportFigures(models={"gru": {"float32": float32}})
    RESULTS.with_export(exported).write(folder / "results.json")
    page = tmp_path / "reports" / "phone.md"
    page.write_text("# Mine\n\nbefore\n")
    phone_page.write(folder, page, command="har run small")
    once = page.read_text()
    assert once.startswith("# Mine\n\nbefore\n")
    assert "| gru | dynamic |" in once
    assert "- cnn, stream: layer 'conv_0' (Conv1D) needs the whole window" in once
    assert (page.parent / "figures" / "phone-pareto.png").is_file()
    page.write_text(once + "\nafter\n")
    phone_page.write(folder, page, command="har run small")
    assert page.read_text() == once + "\nafter\n"


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Run: har export watch"):
        phone_page.write(tmp_path / "watch", tmp_path / "phone.md", command="")
