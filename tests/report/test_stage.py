"""`compare` and `report` as the runner calls them."""

import io
import json
import re
from html.parser import HTMLParser
from importlib import resources

import jsonschema
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from har.errors import LeakageError
from har.evaluation import stage
from har.report import comparison_page
from tests.evaluation import workspace

SKILLS = {"lstm": 0.6, "cnn": 0.9, "extra_trees": 0.5}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return workspace.run(workspace.context(tmp_path_factory.mktemp("workspace"), SKILLS))


def test_what_compare_leaves(done):
    folder = done.outputs["compare"].path
    schema = json.loads(
        resources.files("har.evaluation").joinpath("results.schema.json").read_text("utf-8")
    )
    results = workspace.results(done)
    jsonschema.validate(results, schema)
    assert results["selected"] == "cnn"
    assert len(pd.read_parquet(folder / "windows.parquet")) == 3 * results["windows"]["kept"]
    assert json.loads((folder / "leakage.json").read_text())["ok"]


def test_the_table_is_what_the_command_line_shows(done):
    text = stage.COMPARE.summarise(done, done.outputs["compare"])
    lines = text.splitlines()
    assert lines[0].startswith("cnn is selected")
    assert [line.split()[:2] for line in lines if line.startswith("*")] == [["*", "cnn"]]
    assert max(map(len, lines)) <= 100
    assert stage.REPORT.summarise(done, done.outputs["report"]).endswith("reports/made/index.html")


def test_a_leak_fails_the_run_and_leaves_no_results(tmp_path):
    context = workspace.context(tmp_path, SKILLS)
    folder = context.store.find("job", "cnn-0-0").path
    with np.load(folder / "predictions.npz") as z:
        arrays = dict(z)
    arrays["train_index"] = np.concatenate([arrays["train_index"], arrays["test_index"][:1]])
    np.savez(folder / "predictions.npz", **arrays)
    with pytest.raises(LeakageError, match="No results are written"):
        workspace.run(context)
    assert context.store.find("compare", "k") is None


def test_the_same_predictions_give_the_same_files(tmp_path):
    a = workspace.run(workspace.context(tmp_path / "a", SKILLS))
    b = workspace.run(workspace.context(tmp_path / "b", SKILLS))
    for stage_name, name in (
        ("compare", "results.json"),
        ("compare", "windows.parquet"),
        ("report", "index.html"),
        ("report", "confusion/cnn.png"),
    ):
        one, two = ((c.outputs[stage_name].path / name).read_bytes() for c in (a, b))
        assert one == two, name


# The page --------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Tags that are open, addresses that are asked for, and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "source", "link", "br"):
            self.open.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "srcset", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(done):
    return (done.outputs["report"].path / "index.html").read_text("utf-8")


def test_the_page_is_well_formed_and_asks_for_nothing(page):
    parsed = Page(page)
    assert parsed.open == []
    assert parsed.links
    assert all(link.startswith("data:") for link in parsed.links)
    assert "url(" not in page
    assert "<script" not in page


def test_the_page_shows_what_the_results_hold(done, page):
    text = " ".join(Page(page).words)
    results = workspace.results(done)
    for model in results["models"].values():
        assert f"{model['macro_f1']:.3f}" in text
    for line in (*results["headline"], *results["statistics"], results["protocol"]):
        assert line in text
    assert "too few people to tell" in text
    assert "On the phone" not in text


def test_every_figure_is_there_for_light_and_dark(page):
    assert page.count("<img ") == page.count('prefers-color-scheme: dark)" srcset') == 5
    assert len(set(re.findall(r'(?:src|srcset)="(data:[^"]+)"', page))) == 10


def test_the_page_shows_an_export_that_is_filled_in(done):
    results = workspace.results(done)
    results["models"]["cnn"]["export"] = {
        "none": {"bytes": 81_920, "max_abs_diff": 2e-7, "label_agreement": 1.0, "macro_f1": 0.9,
                 "latency_ms_p50": 0.03},
    }  # fmt: skip
    text = " ".join(Page(comparison_page.render(results, {})).words)
    assert "On the phone" in text
    assert "80 kB" in text
    assert "0.03 ms" in text


def test_names_cannot_break_the_page(done):
    results = workspace.results(done)
    results["dataset"] = "<script>alert(1)</script>"
    results["activities"] = ["a & b", "<b>", '"c"']
    text = comparison_page.render(results, {})
    assert "<script" not in text
    Page(text)


def test_confusion_pictures(done):
    for name in SKILLS:
        data = (done.outputs["report"].path / "confusion" / f"{name}.png").read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            assert image.width > image.height > 300
