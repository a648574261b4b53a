"""Each leak is planted in artefacts that are otherwise sound; the proof must fail on it."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.errors import LeakageError
from har.evaluation import leakage, scaler
from har.evaluation.collect import artefacts, collect
from tests.evaluation import made


def plain_model(path: Path, mean, std, kind="raw") -> None:
    """The parts of a `.keras` file that the proof reads."""
    layers = [{"config": {"name": n}} for n in ("acceleration", "fir", "standardize", "conv_0")]
    if kind != "raw":
        layers.insert(2, {"config": {"name": "channels", "kind": kind}})
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as h5:
        h5["layers/standardize/vars/0"] = np.asarray(mean, np.float32)
        h5["layers/standardize/vars/1"] = np.asarray(std, np.float32)
        h5["layers/conv1d/vars/0"] = np.zeros((3, 3))
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("config.json", json.dumps({"config": {"layers": layers}}))
        z.writestr("model.weights.h5", buffer.getvalue())


def filtered(w, index):
    """The slow twin: each window filtered sample by sample."""
    out = []
    for start in w.starts[index]:
        x = w.samples[start : start + w.n_raw].astype(float)
        out.append([w.taps[::-1] @ x[t : t + len(w.taps)] for t in range(w.n_samples)])
    return np.array(out)


@pytest.fixture
def stored(tmp_path):
    """Windows, folds and job records of one sound comparison, each model with its scaler."""
    w = made.windows()
    folds, records = made.train(tmp_path, w, skills={"cnn": 0.8}, seeds=(0,))
    for record in records:
        x = filtered(w, made.of_people(w, folds[record.fold]["train"]))
        plain_model(record.folder / "model.keras", x.mean((0, 1)), x.std((0, 1)))
    return w, folds, records


def prove(w, folds, records, **options):
    return leakage.prove(w, artefacts(w, folds, collect(records, ["cnn"])), **options)


def rewrite(folder: Path, **arrays):
    with np.load(folder / "predictions.npz") as z:
        kept = dict(z)
    np.savez(folder / "predictions.npz", **{**kept, **arrays})


def test_a_sound_comparison_passes(stored):
    proof = prove(*stored)
    assert proof["ok"]
    assert proof["problems"] == []
    leakage.require(proof)
    assert [f["fold"] for f in proof["folds"]] == [0, 1, 2]
    for fold in proof["folds"]:
        assert fold["shared_subjects"] == []
        assert fold["shared_samples"] == fold["duplicate_windows"] == 0
        assert fold["scaler_max_abs_diff"] < 1e-5
        assert fold["early_stopping_max_abs_diff"] < 1e-9


def test_a_job_of_the_optimism_study_never_passes_however_clean_its_windows(stored):
    path = stored[2][1].folder / "job.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fold": "leaky 1"}))
    for same_people in (False, True):
        proof = prove(*stored, same_people=same_people)
        (problem,) = proof["problems"]
        assert problem == "cnn, fold 1, seed 0: trained on a random split, for har study optimism."
        with pytest.raises(LeakageError):
            leakage.require(proof)


def fails(proof, *words):
    assert not proof["ok"]
    with pytest.raises(LeakageError) as error:
        leakage.require(proof)
    for word in words:
        assert word in str(error.value)
    return proof


def test_a_shared_subject_in_what_was_trained(stored):
    w, folds, records = stored
    test_person = folds[0]["test"][0]
    with np.load(records[0].folder / "predictions.npz") as z:
        train = np.concatenate([z["train_index"], made.of_people(w, [test_person])[:1]])
    rewrite(records[0].folder, train_index=train)
    proof = fails(prove(w, folds, records), "more than one of train, validation and test")
    assert proof["folds"][0]["shared_subjects"] == [test_person]


def test_a_shared_subject_in_the_fold_list(stored):
    w, folds, records = stored
    folds[1]["train"].append(folds[1]["test"][0])
    proof = fails(prove(w, folds, records), f"fold 1: {folds[1]['test'][0]} in more than one")
    assert proof["folds"][1]["shared_subjects"] == [folds[1]["test"][0]]


def test_a_person_whom_the_fold_list_does_not_name(stored):
    w, folds, records = stored
    folds[2]["train"].pop()
    fails(prove(w, folds, records), "where the fold list does not have them")


def test_early_stopping_on_test_people_in_the_predictions(stored):
    w, folds, records = stored
    test = made.of_people(w, folds[0]["test"])
    rewrite(
        records[0].folder,
        validation_index=test,
        validation_probabilities=made.probabilities(w, test, 0.8, 0),
    )
    fails(prove(w, folds, records), "more than one of train, validation and test")


def test_early_stopping_on_test_people_behind_a_clean_record(stored):
    """The record and the predictions name validation people, but the score that chose the epoch
    is that of the test people."""
    from sklearn.metrics import f1_score

    w, folds, records = stored
    path = records[0].folder / "history.json"
    history = json.loads(path.read_text())
    with np.load(records[0].folder / "predictions.npz") as z:
        arrays = dict(z)
    arrays["test_probabilities"] = made.probabilities(w, arrays["test_index"], 0.95, 1)
    rewrite(records[0].folder, **arrays)
    guess, true = arrays["test_probabilities"].argmax(axis=1), w.labels[arrays["test_index"]]
    history["val_macro_f1"][1] = f1_score(true, guess, average="macro")
    path.write_text(json.dumps(history))
    fails(prove(w, folds, records), "cnn, fold 0, seed 0: the score that chose an epoch is")


def test_one_window_that_rounding_turned_is_no_leak(stored):
    w, folds, records = stored
    with np.load(records[0].folder / "predictions.npz") as z:
        p, index = z["validation_probabilities"].copy(), z["validation_index"]
    right = np.flatnonzero(p.argmax(axis=1) == w.labels[index])
    p[right[0]] = np.roll(p[right[0]], 1)
    rewrite(records[0].folder, validation_probabilities=p)
    proof = prove(w, folds, records)
    assert proof["ok"]
    assert 0 < proof["folds"][0]["early_stopping_max_abs_diff"] < 0.04
    p[right[1:6]] = np.roll(p[right[1:6]], 1, axis=1)
    rewrite(records[0].folder, validation_probabilities=p)
    fails(prove(w, folds, records), "chosen on others")


def halves(w, gap):
    """A split of one person's one recording in time, `gap` samples between raw windows."""
    index = np.flatnonzero(w.recordings == "1/0/wrist")
    ends = w.spans[index, 1]
    middle = int(ends[len(ends) // 2])
    train = index[w.spans[index, 1] <= middle]
    test = index[w.spans[index, 0] >= middle + gap]
    return train, test


def evidence(w, train, validation, test, same=("1",)):
    people = {part: list(same) for part in leakage.PARTS}
    return [leakage.Evidence("cnn", 0, 0, people, people, train, validation, test)]


def test_shared_samples_through_overlap(stored):
    w = stored[0]
    train, test = halves(w, gap=-16)
    other = np.flatnonzero(w.recordings == "1/1/wrist")
    proof = leakage.prove(w, evidence(w, train, other, test), same_people=True)
    fails(proof, "raw samples are in windows of two parts")
    assert proof["folds"][0]["shared_samples"] == 10  # steps of 8, windows of 18


def test_shared_samples_through_the_lead_in_alone(stored):
    """The filtered windows do not touch: only the filter's context does."""
    w = stored[0]
    index = np.flatnonzero(w.recordings == "1/0/wrist")
    train, test = index[[0]], index[[2]]  # 16 samples later: filtered 1…17 and 17…33
    other = np.flatnonzero(w.recordings == "1/1/wrist")
    proof = leakage.prove(w, evidence(w, train, other, test), same_people=True)
    fails(proof, "raw samples are in windows of two parts")
    assert proof["folds"][0]["shared_samples"] == w.n_raw - w.n_samples
    sound = leakage.prove(w, evidence(w, train, other, index[[3]]), same_people=True)
    assert sound["ok"]


def test_same_people_are_let_through_only_where_the_protocol_says_so(stored):
    w = stored[0]
    train, test = halves(w, gap=0)
    other = np.flatnonzero(w.recordings == "1/1/wrist")
    assert leakage.prove(w, evidence(w, train, other, test), same_people=True)["ok"]
    fails(leakage.prove(w, evidence(w, train, other, test)), "1 in more than one of")


def test_a_scaler_that_saw_everyone(stored):
    w, folds, records = stored
    x = filtered(w, np.arange(len(w)))
    plain_model(records[2].folder / "model.keras", x.mean((0, 1)), x.std((0, 1)))
    proof = fails(prove(w, folds, records), "fold 2", "it was fitted on others")
    own = filtered(w, made.of_people(w, folds[2]["train"]))
    want = max(
        np.abs(own.mean((0, 1)) - x.mean((0, 1))).max(),
        np.abs(own.std((0, 1)) - x.std((0, 1))).max(),
    )
    assert proof["folds"][2]["scaler_max_abs_diff"] == pytest.approx(want, abs=1e-5)


def test_a_scaler_that_saw_unfiltered_samples(stored):
    w, folds, records = stored
    x = w.gather(made.of_people(w, folds[0]["train"]))
    plain_model(records[0].folder / "model.keras", x.mean((0, 1)), x.std((0, 1)))
    fails(prove(w, folds, records), "fitted on others")


@pytest.mark.parametrize("kind", ["magnitude", "split", "split_magnitude", "vertical"])
def test_the_scaler_of_conditioned_channels(tmp_path, kind):
    w = made.windows(people=3)
    x = filtered(w, np.arange(len(w)))
    gravity = np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)
    norm, body = np.linalg.norm(x, axis=2, keepdims=True), x - gravity
    along = np.einsum("ntc,ntc->nt", body, gravity)[..., None] / np.linalg.norm(
        gravity, axis=2, keepdims=True
    )
    parts = {
        "magnitude": [x, norm],
        "split": [body, gravity],
        "split_magnitude": [body, gravity, np.linalg.norm(body, axis=2, keepdims=True), norm],
        "vertical": [
            gravity,
            along,
            np.sqrt(np.maximum((body**2).sum(2)[..., None] - along**2, 0)),
            norm,
        ],
    }
    c = np.concatenate(parts[kind], axis=2)
    plain_model(tmp_path / "m.keras", c.mean((0, 1)), c.std((0, 1)), kind)
    saved = scaler.saved_scaler(tmp_path / "m.keras")
    assert saved.kind == kind
    assert scaler.difference(saved, scaler.moments(w, kind, chunk=7), np.arange(len(w))) < 1e-5


def renamed(w, copy, original, trim=0):
    """Windows whose recording `copy` holds the signal of `original`, begun `trim` samples later."""
    samples = np.array(w.samples)
    at = {name: int(w.starts[w.recordings == name].min()) for name in (copy, original)}
    n = 170
    samples[at[copy] : at[copy] + n - trim] = samples[at[original] + trim : at[original] + n]
    return dataclasses.replace(w, samples=samples)


@pytest.mark.parametrize("trim", [0, 3, 8])
def test_one_recording_under_two_names(stored, trim):
    w, folds, records = stored
    trained, tested = folds[0]["train"][0], folds[0]["test"][0]
    w = renamed(w, f"{trained}/1/wrist", f"{tested}/1/wrist", trim)
    for record in records:
        (record.folder / "model.keras").unlink()
    proof = fails(prove(w, folds, records), "under two names")
    assert proof["folds"][0]["duplicate_windows"] > 0


def test_a_stuck_sensor_is_no_copy(stored):
    w, folds, records = stored
    samples = np.array(w.samples)
    for name in np.unique(w.recordings):
        start = int(w.starts[w.recordings == name].min())
        samples[start : start + 60] = [0, 0, 9.81]
    for record in records:
        (record.folder / "model.keras").unlink()
    assert prove(dataclasses.replace(w, samples=samples), folds, records)["ok"]


spans = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(1, 12)), max_size=12
).map(lambda rows: [(r, s, s + n) for r, s, n in rows])


@given(spans, spans, spans)
def test_shared_samples_is_marking_every_sample(a, b, c):
    masks = []
    for part in (a, b, c):
        mask = np.zeros((3, 50), bool)
        for r, start, end in part:
            mask[r, start:end] = True
        masks.append(mask)
    want = sum(int((masks[i] & masks[j]).sum()) for i, j in ((0, 1), (0, 2), (1, 2)))
    parts = [
        (
            np.array([r for r, _, _ in part], np.int64),
            np.array([(s, e) for _, s, e in part], np.int64).reshape(-1, 2),
        )
        for part in (a, b, c)
    ]
    assert leakage.shared_samples(parts) == want


@pytest.mark.tensorflow
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # keras with numpy 2
def test_the_scaler_of_a_model_that_keras_saved(tmp_path):
    from har.models import registry

    mean, std = np.array([1.0, -2.0, 9.5]), np.array([0.5, 2.0, 3.0])
    model = registry.get("cnn").build((18, 3), 3, taps=made.TAPS, mean=mean, std=std)
    model.save(tmp_path / "model.keras")
    saved = scaler.saved_scaler(tmp_path / "model.keras")
    assert saved.kind == "raw"
    np.testing.assert_array_equal(saved.mean, mean)
    np.testing.assert_array_equal(saved.std, std)


def test_a_near_copy_under_two_names(stored):
    """Resampled and rounded, so that no sample is equal to another."""
    w, folds, records = stored
    trained, tested = folds[0]["train"][0], folds[0]["test"][0]
    rng = np.random.default_rng(3)
    t = np.arange(900) / 50
    a = sum(rng.normal(0, 1, 3) * np.sin(2 * np.pi * f * t[:, None] + rng.uniform(0, 6, 3))
            for f in np.arange(0.3, 3, 0.1))  # fmt: skip
    samples, names, starts = np.array(w.samples), w.recordings.astype(object), w.starts.copy()
    samples = np.concatenate([samples, a, np.round(a[200:], 1)]).astype(np.float32)
    for who, begin in ((tested, len(w.samples)), (trained, len(w.samples) + 900)):
        mine = np.flatnonzero(w.recordings == f"{who}/1/wrist")
        starts[mine] = begin + np.linspace(0, 650, len(mine)).astype(int)
    for record in records:
        (record.folder / "model.keras").unlink()
    w = dataclasses.replace(w, samples=samples, starts=starts, recordings=names.astype(str))
    proof = fails(prove(w, folds, records), f"{trained}/1/wrist", "hold the same movement")
    assert proof["folds"][0]["duplicate_windows"] >= 4
