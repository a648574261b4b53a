"""`compare` and `report` as the runner calls them."""

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from importlib import resources

import jsonschema
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from har.cli.summary import comparison
from har.errors import LeakageError, StoreError
from har.evaluation import stage as compare
from har.evaluation.results import ExportFigures, Optimism, Variant, Withheld
from har.files import digest
from har.ingest import recording_files
from har.recording import Recording
from har.report import comparison_page, stage
from har.report import gap as gap_page
from tests import dots
from tests.evaluation import workspace

SKILLS = {"lstm": 0.6, "cnn": 0.9, "extra_trees": 0.5}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    root = tmp_path_factory.mktemp("workspace")
    return workspace.run(workspace.context(root, SKILLS), pictures=True)


def test_what_compare_leaves(done):
    folder = done.outputs["compare"].path
    schema = json.loads(
        resources.files("har.evaluation").joinpath("results.schema.json").read_text("utf-8")
    )
    jsonschema.validate(json.loads((folder / "scores.json").read_text("utf-8")), schema)
    results = compare.scores(done.outputs["compare"])
    assert results == workspace.results(done)  # nothing came after
    assert results.selected == "cnn"
    assert len(pd.read_parquet(folder / "windows.parquet")) == 3 * results.windows.kept
    assert json.loads((folder / "leakage.json").read_text())["ok"]


def test_the_table_is_what_the_command_line_shows(done):
    lines = comparison(workspace.results(done)).splitlines()
    assert lines[0].startswith("Ship cnn: ")
    assert [line.split()[:2] for line in lines if line.startswith("*")] == [["*", "cnn"]]
    assert max(map(len, lines)) <= 80


def test_a_leak_fails_the_run_and_leaves_no_results(tmp_path):
    context = workspace.context(tmp_path, SKILLS)
    folder = context.store.find("job", "cnn-0-0").path
    with np.load(folder / "predictions.npz") as z:
        arrays = dict(z)
    arrays["train_index"] = np.concatenate([arrays["train_index"], arrays["test_index"][:1]])
    with context.store.writing("job", "cnn-0-0", {}, replace=True) as writing:
        shutil.copytree(folder, writing.path, dirs_exist_ok=True)
        (writing.path / "meta.json").unlink()
        np.savez(writing.path / "predictions.npz", **arrays)
    with pytest.raises(LeakageError, match="No results are written"):
        workspace.run(context)
    assert context.store.find("compare", "k") is None


def test_the_same_predictions_give_the_same_files(done, tmp_path):
    again = workspace.run(workspace.context(tmp_path, SKILLS), pictures=True)
    for stage_name, name in (
        ("compare", "scores.json"),
        ("compare", "windows.parquet"),
        ("report", "results.json"),
        ("report", "index.html"),
        ("report", "confusion/cnn.png"),
    ):
        one, two = ((c.outputs[stage_name].path / name).read_bytes() for c in (done, again))
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
    beside = {"results.json", "windows.parquet", "leakage.json"}
    assert {link for link in parsed.links if not link.startswith(("data:", "#"))} == beside
    assert "url(" not in page
    assert page.count("<script") == page.count("<script>\n// Sorts tables") == 1


def test_the_page_shows_what_the_results_hold(done, page):
    text = " ".join(Page(page).words)
    results = workspace.results(done)
    for model in results.models.values():
        assert f"{model.macro_f1:.3f}" in text
    for line in (*results.headline, *results.statistics, results.protocol):
        assert line in text
    assert "too few people to tell" in text
    assert "On the phone" not in text


def test_every_figure_is_there_for_light_and_dark(page):
    assert page.count("<img ") == page.count('prefers-color-scheme: dark)" srcset') == 8
    assert len(set(re.findall(r'(?:src|srcset)="(data:[^"]+)"', page))) == 16


MEASURED = Variant(
    bytes=81_920, max_abs_diff=2e-7, label_agreement=1.0, macro_f1=0.9, latency_ms_p50=0.03,
    latency_ms_p99=0.05,
)  # fmt: skip


def test_the_page_shows_an_export_that_is_filled_in(done):
    results = workspace.results(done)
    cnn = {"float32": MEASURED, "int8": Withheld(withheld="it crashed")}
    models = results.models | {"cnn": results.models["cnn"].model_copy(update={"export": cnn})}
    with dots.instead():
        page = comparison_page.render(results.model_copy(update={"models": models}), {})
    text = " ".join(Page(page).words)
    assert "On the phone" in text
    assert "80 kB" in text
    assert "0.03 ms" in text
    assert "it crashed" in text


def test_names_cannot_break_the_page(done):
    results = workspace.results(done).model_copy(
        update={
            "dataset": "<script>alert(1)</script>",
            "activities": ["a & b", "<b>", '"c"'],
            "headline": ["cnn is selected <img src=x onerror=alert(1)>"],
        }
    )
    text = comparison_page.render(results, {})
    assert text.count("<script") == 1  # its own
    assert "<img src=x" not in text
    assert "a &amp; b" in text
    Page(text)


# What comes later ------------------------------------------------------------------------------


def section(results, *names):
    of = {"macro_f1": 0.5, "accuracy": 0.5}
    gap = {**of, "macro_f1_ci95": None}
    return Optimism.model_validate(
        {
            "leaky": True,
            "protocol": "as before",
            "shared": {"people": 1.0, "samples": 0.5},
            "scores": {
                name: {"of": gap_page.belongs_to(results, name), "honest": of, "leaky": of,
                       "gap": gap}
                for name in names
            },
        }
    )  # fmt: skip


TWO = {"cnn": 0.9, "lstm": 0.6}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("two") / "workspace"
    workspace.run(workspace.context(root, TWO))
    return root


@pytest.fixture
def fresh(two, tmp_path):
    """A copy of a finished comparison."""
    shutil.copytree(two, tmp_path, dirs_exist_ok=True)
    return workspace.reopen(tmp_path, TWO)


def again(context):
    """The report, drawn once more from what there is now."""
    key = digest(stage.STAGE.parts(context))
    with context.store.writing("report", key, {}) as writing, dots.instead():
        stage.STAGE.run(context, writing)
    output = context.store.find("report", key)
    return stage.published(output), (output.path / "index.html").read_text("utf-8"), output.path


def test_an_export_and_a_study_are_put_beside_the_scores(fresh):
    before = workspace.results(fresh)
    keys = [digest(stage.STAGE.parts(fresh))]
    with fresh.store.writing("export", "k", {}) as writing:
        ExportFigures(models={"cnn": {"float32": MEASURED}}).write(writing.path / "figures.json")
    fresh = fresh.with_output("export", fresh.store.find("export", "k"))
    keys.append(digest(stage.STAGE.parts(fresh)))
    study = fresh.workspace.reports / "made" / "optimism.json"
    section(before, "cnn", "lstm").write(study)
    keys.append(digest(stage.STAGE.parts(fresh)))
    assert len(set(keys)) == 3  # each of them draws the report anew
    results, page, folder = again(fresh)
    assert results.models["cnn"].export == {"float32": MEASURED}
    assert results.models["lstm"].export == {}
    assert list(results.optimism.scores) == ["cnn", "lstm"]
    assert results.models["cnn"].cost.bytes == MEASURED.bytes
    assert results.models["lstm"].cost is None
    assert results.model_copy(update={"optimism": None, "models": before.models}) == before
    assert "On the phone" in page
    assert gap_page.TITLE in page
    assert (folder / "figures" / "pareto.png").is_file()


def test_a_mistake_leads_to_the_file_of_its_recording(fresh, tmp_path):
    sources = {"my/a b.csv": "my/a%20b.csv", "all.zip/walk.csv": "all.zip", "gone.csv": ""}
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "a b.csv").touch()
    (tmp_path / "all.zip").touch()
    names = sorted(set(re.findall(r"<br>(\S+) at \d", again(fresh)[1])))[: len(sources)]
    with fresh.store.writing("ingest", "i0", {}) as writing:
        recording_files.write(writing.path, [
            Recording("own", *name.split("/"), 50.0, np.zeros((9, 3), np.float32),
                      provenance={"source": source})
            for name, source in zip(names, sources, strict=True)
        ])  # fmt: skip
    page = again(fresh.with_output("ingest", fresh.store.find("ingest", "i0")))[1]
    for name, address in zip(names, sources.values(), strict=True):
        assert (f'<a href="../../{address}">{name}</a> at' in page) == bool(address)
        assert (f"<br>{name} at" in page) != bool(address)


def test_a_study_of_other_scores_is_left_out_and_said(fresh):
    results = workspace.results(fresh)
    study = section(results, "cnn", "lstm").as_json()
    study["scores"]["lstm"]["of"] = "something else"
    path = fresh.workspace.reports / "made" / "optimism.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(study))
    found, _, _ = again(fresh)
    assert list(found.optimism.scores) == ["cnn"]
    said = " ".join(fresh.console.file.getvalue().split())
    assert "optimism: left out of the report for lstm" in said
    assert "Again: har study optimism made" in said


def left(folder, of, **changes):
    """What `har study length` leaves."""
    said = {
        "study": "length", "title": "made: how long must a window be?",
        "says": ["2.56 s are <enough>."], "head": ["length", "macro-F1"],
        "rows": [["1.28 s", "0.700"], ["2.56 s", "0.912"]],
        "protocol": "Models of `har run`: <all> else is equal.",
        "config_key": of.config_key, "data_fingerprint": of.data_fingerprint, "points": [1],
    }  # fmt: skip
    folder.mkdir(parents=True)
    for study in ("length", "people"):
        (folder / f"{study}.json").write_text(json.dumps(said | {"study": study} | changes))
        for ink in ("light", "dark"):
            (folder / f"{study}.{ink}.svg").write_text(f"<svg>{ink}</svg>")


def test_what_a_study_found_is_a_section(fresh):
    before = stage.STAGE.parts(fresh)
    left(fresh.workspace.reports / "made", workspace.results(fresh))
    assert stage.STAGE.parts(fresh) != before  # it is drawn anew
    _, page, _ = again(fresh)
    assert '<section id="study-length">\n<h2>How long must a window be?</h2>' in page
    assert '<a href="#study-length">' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert sorted(ids) == sorted(set(ids))
    assert ids.count("people") == ids.count("study-people") == 1
    assert "Models of <code>har run</code>: &lt;all&gt; else is equal." in page
    assert "2.56 s are &lt;enough&gt;." in page
    assert "<td>2.56 s</td><td>0.912</td>" in page
    for ink in (b"<svg>light</svg>", b"<svg>dark</svg>"):
        assert base64.b64encode(ink).decode() in page


@pytest.mark.parametrize("changes", [{"config_key": "another"}, {"title": None}])
def test_what_a_study_found_of_another_run_is_left_out_and_said(fresh, changes):
    left(fresh.workspace.reports / "made", workspace.results(fresh), **changes)
    _, page, _ = again(fresh)
    assert 'id="study-length"' not in page
    said = " ".join(fresh.console.file.getvalue().split())
    assert "length: left out of the report" in said
    assert "Again: har study length made" in said


def test_a_study_that_was_tampered_with_is_refused_by_name(fresh):
    study = section(workspace.results(fresh), "cnn").as_json()
    study["scores"]["cnn"]["leaky"]["macro_f1"] = "high"
    path = fresh.workspace.reports / "made" / "optimism.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(study))
    with pytest.raises(StoreError) as refused:
        again(fresh)
    assert "optimism.json is not what this version writes" in str(refused.value)
    assert "scores.cnn.leaky.macro_f1: Input should be a valid number" in str(refused.value)
    assert "Run: har study optimism made, when it is deleted" in str(refused.value)


def test_confusion_pictures(done):
    for name in SKILLS:
        data = (done.outputs["report"].path / "confusion" / f"{name}.png").read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            assert image.width > image.height > 300
