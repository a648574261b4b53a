"""The page of `har data check` on files whose faults are known."""

import numpy as np
import pytest

from har.ingest.check import check
from har.report import check_page
from tests.report.test_stage import Page


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checked")
    t = np.arange(600) / 50
    t[200:] += 3  # a gap
    rows = np.column_stack([t, np.random.default_rng(0).normal([0, 0, 9.81], 0.3, (600, 3))])
    name = folder / "sit & <b>.csv"
    np.savetxt(name, rows, "%.4f", ",", header="time,x,y,z", comments="")
    (folder / "readme.txt").write_text("no recording")
    return check(folder, root=folder)


def test_the_page_holds_every_finding_and_every_file(report):
    page = check_page.render(report)
    parsed = Page(page)
    assert parsed.open == []
    assert parsed.links == []
    text = " ".join(" ".join(parsed.words).split())
    for finding in report.findings():
        assert finding.code in text
        assert " ".join(finding.message.split()) in text
    assert "600 samples in = 600 kept + 0 rejected" in text
    assert "readme.txt: " in text
    assert "<b>" not in page
    assert "sit &amp; &lt;b&gt;.csv" in page


def test_the_worst_comes_first_and_strict_turns_warnings_into_errors(report):
    shown = [w for w in Page(check_page.render(report)).words if w in ("error", "warning", "info")]
    assert shown == sorted(shown, key=("error", "warning", "info").index)
    assert "warning" in shown
    strict = Page(check_page.render(report, strict=True)).words
    assert strict.count("error") == shown.count("error") + shown.count("warning")
    assert "warning" not in strict
