"""The whole way: made-up people to a bundle, and what must stop it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from rich.console import Console

from har import damage, pipeline
from har.errors import ExportError
from har.evaluation.plane import Plane, components
from har.evaluation.results import Cost, Results, Withheld
from har.export import convert, cost, measure, metadata, outputs, shipping
from har.fanout import Crew
from har.files import stamp
from har.ingest.chunks import of_recording
from har.models.saved import load_model
from har.pipeline_file import parse
from har.runtime.bundle import Bundle
from har.runtime.interpreter import carried
from har.runtime.predict import predict
from har.signal import resampling, window_files
from har.signal.prepare import prepare
from har.stages import Context
from har.store import Store
from har.training.job_files import MODEL, Trained
from har.workspace import Workspace
from tests.evaluation import made
from tests.synthetic import make_recordings

pytestmark = pytest.mark.tensorflow

PIPELINE = {
    "name": "made-up",
    "dataset": {"path": "none/*.csv"},
    "signal": {"filter": {"kind": "lowpass", "cutoff_hz": 20}},
    "windows": {"length_s": 1.28},
    "split": {"folds": 2, "validation": 0.34},
    "models": [
        {"cnn": {"filters": 8, "blocks": 2}},
        {"name": "cnn", "label": "narrow", "params": {"filters": 4, "blocks": 1}},
        "extra_trees",
    ],
    "training": {"epochs": 3},
    "export": {"models": ["cnn"], "quantization": ["none", "float16"]},
}


def context(root: Path, **overrides: object) -> Context:
    workspace = Workspace(root)
    console = Console(stderr=True, quiet=True)
    return Context(workspace, parse({**PIPELINE, **overrides}), Store(workspace.cache), 2, console)


class Remembered:
    """Conversions, done once for a model file: the second export of this module is about parity."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.real = folder, convert.convert
        self.known: dict[tuple[Path, bool], convert.Converted] = {}

    @staticmethod
    def key(request: convert.Request) -> tuple[Path, bool]:
        return request.model, request.probe is not None

    def convert(self, requests: Sequence[convert.Request], crew: Crew) -> list[convert.Converted]:
        fresh = [r for r in requests if self.key(r) not in self.known]
        for request, result in zip(fresh, self.real(fresh, crew), strict=True):
            kept = self.folder / str(len(self.known))
            shutil.copytree(request.folder, kept)
            files = {v: kept / p.name for v, p in result.files.items()}
            self.known[self.key(request)] = replace(result, files=files)
        found = [self.known[self.key(r)] for r in requests]
        return [replace(c, files=dict(c.files), failed=dict(c.failed)) for c in found]


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, in_process: None, plain_pictures: None
) -> Iterator[Context]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "PROCESSES", 1)  # how fast the files are is not asked here
        patch.setattr(convert, "convert", Remembered(tmp_path_factory.mktemp("converted")).convert)
        patch.setattr(pipeline, "STAGES", (("tests.export.made_up", "STAGE"), *pipeline.STAGES[1:]))
        yield pipeline.run(context(tmp_path_factory.mktemp("export")))


def test_results_hold_what_conversion_did(exported: Context) -> None:
    folder = exported.workspace.reports / "made-up"
    jsonschema.validate(json.loads((folder / "results.json").read_text()), Results.json_schema())
    results = Results.published(folder.parent, folder.name)
    entry = results.models["cnn"].export["float32"]
    assert entry.max_abs_diff < 1e-4
    assert entry.label_agreement == 1
    # the same windows and, but for ties, the same labels: the score that was quoted
    assert entry.macro_f1 == pytest.approx(results.models["cnn"].macro_f1, abs=1e-6)
    assert entry.ece == pytest.approx(results.models["cnn"].reliability.ece, abs=1e-4)
    assert "On the phone" in (folder / "index.html").read_text()
    assert (folder / "figures" / "pareto.png").is_file()
    assert results.models["extra_trees"].export == {}


def test_the_map_is_of_the_features_of_one_folds_held_out_people(exported: Context) -> None:
    job = next(j for j in Trained.read(exported.outputs["train"]).jobs if j.model == "cnn")
    index, probabilities = job.read().predictions.of("test")
    drawn = Plane.read(exported.outputs["export"].path / "plane.cnn.npz")
    assert (drawn.of, drawn.index.tolist()) == (len(index), index.tolist())
    np.testing.assert_allclose(drawn.probabilities, probabilities, atol=1e-4)
    windows = window_files.load(exported.outputs["prepare"].path)
    network = outputs.load([job.path / MODEL])
    places, explained = components(outputs.asked(network, windows.gather(index)).features)
    np.testing.assert_allclose(drawn.places, places, atol=0.05)
    assert drawn.explained == pytest.approx(explained, abs=1e-4)


def test_every_exportable_model_has_its_size_and_latency(exported: Context) -> None:
    results = Results.published(exported.workspace.reports, "made-up")
    shipped, narrow = results.models["cnn"].cost, results.models["narrow"].cost
    bundle = exported.workspace.reports / "made-up" / "bundle" / "cnn"
    assert isinstance(shipped, Cost)
    assert isinstance(narrow, Cost)
    assert (shipped.proven, narrow.proven) == (True, False)
    assert shipped.bytes == (bundle / "model.tflite").stat().st_size
    weights = [4 * results.models[n].parameters for n in ("cnn", "narrow")]
    assert narrow.bytes > weights[1]
    assert shipped.bytes - narrow.bytes > weights[0] - weights[1] > 0
    assert 0 < narrow.latency_ms_p50 <= narrow.latency_ms_p99
    assert results.models["narrow"].export == {}
    assert results.models["extra_trees"].cost is None


def test_a_folds_network_is_as_large_as_the_one_that_ships(
    exported: Context, tmp_path: Path
) -> None:
    results = Results.published(exported.workspace.reports, "made-up")
    trained = Trained.read(exported.outputs["train"])
    found = cost.networks(trained, results, [0], without=["narrow"])
    assert list(found) == ["cnn"]
    (made_file,) = convert.convert([cost.request("cnn", found["cnn"], tmp_path)], exported.crew)
    bundle = exported.workspace.reports / "made-up" / "bundle" / "cnn"
    about = carried(
        (bundle / "model.tflite").read_bytes()
    )  # which the file of a bundle carries besides
    with_it = metadata.embed(made_file.files["float32"].read_bytes(), about)
    assert len(with_it) == pytest.approx(results.models["cnn"].cost.bytes, abs=64)
    assert cost.measured(made_file).bytes == made_file.files["float32"].stat().st_size


def test_a_model_that_cannot_be_converted_says_why() -> None:
    found = cost.measured(convert.Converted({}, {"float32": "the converter refused: no"}))
    assert found == Withheld(withheld="the converter refused: no")


def test_a_comparison_alone_reports_what_is_finished(exported: Context) -> None:
    """Without an export, which another quantization asks for, and again with the one that is."""
    root = exported.workspace.root
    page = root / "reports" / "made-up" / "index.html"
    drawn = page.read_bytes()
    other = context(root, export={"quantization": ["none"]})
    finished = pipeline.run(other, without=("export",)).outputs
    assert list(finished) == ["ingest", "prepare", "train", "compare", "report"]
    assert Results.published(root / "reports", "made-up").models["cnn"].export == {}
    assert "On the phone" not in page.read_text()
    assert not (page.parent / "figures" / "pareto.png").exists()
    steps: list[pipeline.Step] = []
    pipeline.run(context(root), without=("export",), on_step=steps.append)
    assert [(s.stage.name, s.state) for s in steps[-2:]] == [
        ("export", "up to date"), ("report", "up to date"),
    ]  # fmt: skip
    assert page.read_bytes() == drawn
    assert (page.parent / "figures" / "pareto.png").is_file()


def test_the_bundle_says_whom_it_knows_and_whose_score_it_quotes(exported: Context) -> None:
    manifest = Bundle.open(exported.workspace.reports / "made-up" / "bundle" / "cnn").manifest
    people = [str(i) for i in range(1, 7)]
    assert manifest.trained_on.subjects == tuple(people)
    assert manifest.trained_on.fit == "final"
    assert manifest.score_of.n_subjects == 6
    assert manifest.variants["float32"].n_windows > 200
    assert manifest.calibration.folded
    assert 0 < manifest.abstention.threshold < 1
    assert not manifest.sets.levels  # of two people
    assert "fewer than 10 people" in manifest.likeness.not_told["sign"]
    assert set(manifest.variants) | set(manifest.withheld) == {"float32", "float16", "stream"}


def test_the_cards_quote_the_results(exported: Context) -> None:
    reports = exported.workspace.reports
    folder = reports / "made-up" / "bundle" / "cnn"
    results = Results.published(reports, "made-up")
    scores = results.models["cnn"]
    text = (folder / "MODEL_CARD.md").read_text()
    assert "\n\n\n" not in text
    header = yaml.safe_load(text.split("---\n")[1])
    (measured,) = header["model-index"][0]["results"]
    assert measured["metrics"][0]["value"] == round(scores.macro_f1, 4)
    for i, activity in enumerate(results.activities):
        row = f"| {activity} | {scores.per_class.recall[i]:.3f} |"
        assert row in text
    worst = min(scores.per_subject, key=scores.per_subject.__getitem__)
    assert f"the lowest: {worst} {scores.per_subject[worst]:.2f}" in text
    data = (folder / "DATA_CARD.md").read_text()
    assert "| People | 6 |" in data
    assert "| walk | 1.6 | 6 | – |" in data  # six people, 16 s each


def test_a_recording_through_the_bundle_is_a_recording_through_the_pipeline(
    exported: Context,
) -> None:
    """The published files alone, against prepare and Keras's stored answers on golden windows."""
    bundle = Bundle.open(exported.workspace.reports / "made-up" / "bundle" / "cnn")
    recording = make_recordings(1, seconds=16, seed=5)[0]
    windows = prepare(
        [recording, *make_recordings(2, seconds=16)],
        signal=exported.pipeline.signal,
        windows=exported.pipeline.windows,
    )
    mine = np.flatnonzero(windows.recordings == recording.id)
    n = predict(bundle, of_recording(recording)).n_windows
    offline = bundle.model()(windows.gather(mine[:n]))
    found = predict(bundle, of_recording(recording))
    np.testing.assert_allclose(found.probabilities, offline, atol=1e-4)
    golden = bundle.golden()
    np.testing.assert_allclose(
        bundle.model()(golden["windows"]), golden["probabilities"], atol=1e-4
    )


def test_from_raw_recordings_with_their_own_timestamps(exported: Context) -> None:
    manifest = Bundle.open(exported.workspace.reports / "made-up" / "bundle" / "cnn").manifest
    found = manifest.raw_parity
    assert found is not None
    assert found.recordings == 6
    assert found.irregular > 0
    assert found.n_windows > 80
    assert found.max_abs_diff < 1e-4


def test_another_way_of_resampling_does_not_ship(
    exported: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the phone took the nearest sample."""

    def nearest(time: np.ndarray, samples: np.ndarray, at: np.ndarray) -> np.ndarray:
        return samples[np.abs(time[:, None] - at).argmin(0)].astype(float)

    monkeypatch.setattr(resampling, "cubic", nearest)
    with pytest.raises(ExportError, match="from raw recordings, the phone's way"):
        pipeline.run(context(exported.workspace.root), force=("export",))


def test_one_folds_model_ships_if_it_is_asked_for(exported: Context) -> None:
    asked = context(exported.workspace.root, name="one-fold", export={"fit": "fold"})
    asked = pipeline.run(asked)
    manifest = Bundle.open(asked.workspace.reports / "one-fold" / "bundle" / "cnn").manifest
    folds = json.loads((asked.outputs["train"].path / "folds.json").read_text())
    assert manifest.trained_on.fit == "fold"
    assert manifest.trained_on.fold == 0
    assert manifest.trained_on.subjects == tuple(folds[0]["train"])
    assert "the exported model is of one fold" in manifest.score_of.what


def test_all_seeds_ship_as_the_mean_of_their_probabilities(exported: Context) -> None:
    asked = context(
        exported.workspace.root,
        name="ensemble",
        models=PIPELINE["models"][:1],
        training={"epochs": 3, "seeds": [0, 1]},
        export={"seeds": "all", "quantization": ["none"]},
    )
    pipeline.run(asked)
    bundle = Bundle.open(asked.workspace.reports / "ensemble" / "bundle" / "cnn")
    cnn = Results.published(asked.workspace.reports, "ensemble").models["cnn"]
    # says so, and quotes the score of the ensemble
    on, score = bundle.manifest.trained_on, cnn.seed_ensemble.as_json()
    assert [m.seed for m in on.members] == [0, 1]
    assert on.seed is on.epochs is None
    assert bundle.manifest.parameters == 2 * cnn.parameters
    quoted = bundle.manifest.score_of
    assert "the mean of 2 seeds' probabilities" in quoted.what
    assert {k: quoted.as_json()[k] for k in score} == score
    measured = bundle.manifest.variants["float32"]
    assert measured.n_windows > 200
    assert measured.macro_f1 == pytest.approx(score["macro_f1"], abs=1e-6)
    assert "mean of several models" in bundle.manifest.withheld["stream"]
    # is the mean of the two final fits
    trained = exported.store.root / "job"
    final = {}
    for path in trained.glob("*/job.json"):
        about = json.loads(path.read_text())
        if about["fold"] == "final" and about["epochs_run"]:
            final[about["seed"]] = path.parent / "model.keras"
    windows = bundle.golden()["windows"]
    each = [load_model(final[s]).predict(windows, verbose=0) for s in (0, 1)]
    assert np.abs(each[0] - each[1]).max() > 1e-3
    np.testing.assert_allclose(bundle.golden()["probabilities"], np.mean(each, 0), atol=1e-6)
    np.testing.assert_allclose(bundle.model()(windows), np.mean(each, 0), atol=1e-6)


def test_nothing_changed_nothing_runs(exported: Context) -> None:
    steps: list[pipeline.Step] = []
    pipeline.run(context(exported.workspace.root), on_step=steps.append)
    assert [s.state for s in steps] == ["up to date"] * 6


def test_a_model_that_is_not_the_one_that_was_scored_does_not_ship(exported: Context) -> None:
    record = json.loads((exported.outputs["train"].path / "jobs.json").read_text())[0]
    path = exported.store.root / "job" / record["key"] / "predictions.npz"
    kept = path.read_bytes()
    with np.load(path) as f:
        arrays = dict(f)
    arrays["test_probabilities"] = np.roll(arrays["test_probabilities"], 1, axis=0)
    np.savez(path, **arrays)
    # As if it had been stored so: the store would make again what was changed since.
    folder = path.parent
    damage._checked[folder] = {p: stamp(p) for p in folder.rglob("*") if p.is_file()}
    published = exported.workspace.reports / "made-up" / "bundle" / "cnn" / "model.tflite"
    before = published.read_bytes()
    try:
        with pytest.raises(ExportError, match="not the one that was scored .cnn, on held-out"):
            pipeline.run(context(exported.workspace.root), force=("export",))
    finally:
        path.write_bytes(kept)
    assert published.read_bytes() == before, "what was there stays"


def test_which_models() -> None:
    models = ["gru", "lstm", "extra_trees"]
    results = made.results(
        parse({**PIPELINE, "models": models, "export": {}}),
        {
            "gru": {"macro_f1": 0.8},
            "lstm": {"macro_f1": None},
            "extra_trees": {"macro_f1": 0.9, "exportable": False},
        },
        selected="gru",
    )

    def chosen(wanted: object) -> list[str]:
        asked = parse({**PIPELINE, "models": models, "export": {"models": wanted}})
        return [m.key for m in shipping.choose(asked.export.models, asked.models, results)]

    assert chosen("best") == ["gru"]
    assert chosen("all") == ["gru"]
    assert chosen(["gru"]) == ["gru"]
    with pytest.raises(ExportError, match="extra_trees cannot be exported.*These can: gru"):
        chosen(["extra_trees"])
    with pytest.raises(ExportError, match="No model can be exported"):
        nothing = results.model_copy(update={"selected": None})
        shipping.choose("best", parse(PIPELINE).models, nothing)
