"""A wearer's correction: the algebra, what is refused, and real people of the built-in set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import minimize

from har.api.bundles import Bundle as Asked
from har.cli.app import main
from har.errors import AdapterError, DataError
from har.recording import Annotation, Recording
from har.runtime import correction, teaching
from har.runtime.adapter import Adapter
from har.runtime.bundle import Bundle
from har.runtime.correction import ADAPTATION, Evidence
from har.runtime.familiarity import Familiarity, Ruler
from tests import small_bundles
from tests.runtime.test_predict import movement

MakeBundle = Callable[[str], Path]


def evidence(rng: np.random.Generator, n: int, d: int, k: int) -> Evidence:
    p = rng.dirichlet(np.ones(k), n)
    return Evidence(rng.normal(3, 2, (n, d)).astype(np.float32), p.astype(np.float32))


@pytest.mark.parametrize("d", [3, 40])
def test_the_ridge_is_the_least_of_its_loss(d: int) -> None:
    """The closed form against a numerical minimum of the penalised squares, weights and offset."""
    rng = np.random.default_rng(d)
    taught, anchors, k = evidence(rng, 6, d, 3), evidence(rng, 8, d, 3), 3
    labels = rng.integers(0, k, 6)
    found = correction.fit(taught, labels, anchors, n_activities=k)
    centre = anchors.features.astype(float).mean(0)
    scale = np.sqrt(((anchors.features - centre) ** 2).sum(1).mean())
    x = (np.concatenate([anchors.features, taught.features]) - centre) / scale
    x = np.hstack([x, np.ones((len(x), 1))])
    y = np.concatenate([np.zeros((8, k)), np.eye(k)[labels] - taught.probabilities])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        w = w.reshape(-1, k)
        off = x @ w - y
        penalty = ADAPTATION.strength * w
        return float((off**2).sum() + (penalty * w).sum()), 2 * (x.T @ off + penalty).ravel()

    w = minimize(loss, np.zeros(x.shape[1] * k), jac=True, options={"gtol": 1e-10}).x.reshape(-1, k)
    new = evidence(rng, 5, d, k)
    moved = np.hstack([(new.features - centre) / scale, np.ones((5, 1))]) @ w * correction.STEP
    logits = np.log(np.maximum(new.probabilities, correction.LEAST)) + moved
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(found(new), expected, atol=1e-5)


def test_no_evidence_no_correction() -> None:
    rng = np.random.default_rng(0)
    anchors, nothing = evidence(rng, 8, 4, 3), evidence(rng, 0, 4, 3)
    found = correction.fit(nothing, np.empty(0, int), anchors, n_activities=3)
    assert not found.weights.any()
    assert not found.offset.any()


def test_right_answers_are_left_alone_and_wrong_ones_mended() -> None:
    """Two clusters that the model confuses for this wearer: after a window of each it does not."""
    rng = np.random.default_rng(1)
    centres = np.array([[4.0, 0, 0], [0, 4, 0], [0, 0, 4], [3, 3, -3]])

    def seen(activity: int, p: list[float], n: int) -> Evidence:
        x = centres[activity] + rng.normal(0, 0.3, (n, 3))
        return Evidence(x.astype(np.float32), np.tile(np.float32(p), (n, 1)))

    sure = np.eye(3) * 0.94 + 0.02
    parts = [seen(i, sure[i].tolist(), 4) for i in range(3)]
    anchors = Evidence(*(np.concatenate([getattr(e, f) for e in parts])
                         for f in ("features", "probabilities")))  # fmt: skip
    # This wearer does the second activity in a way of their own, and it is called the first.
    own = [0.8, 0.1, 0.1]
    taught = seen(3, own, 3)
    found = correction.fit(taught, np.array([1, 1, 1]), anchors, n_activities=3)
    assert (found(seen(3, own, 50)).argmax(1) == 1).all()
    for i in range(3):
        assert (found(seen(i, sure[i].tolist(), 50)).argmax(1) == i).all()


def two(name: str = "walk", seconds: int = 40) -> Recording:
    """Two stretches of each of two activities that differ."""
    n = seconds * 50
    quiet = movement(n, 5) * [0.1, 0.1, 1]
    samples = np.concatenate([movement(n, 1), quiet, movement(n, 2), quiet[::-1]])
    notes = tuple(
        Annotation(label, i * n, (i + 1) * n)
        for i, label in enumerate(("walk", "sit", "walk", "sit"))
    )
    return Recording("own", "me", name, "wrist", 50.0, samples.astype(np.float32), notes)


def test_taught_verified_written_and_used(make_bundle: MakeBundle, tmp_path: Path) -> None:
    asked = Asked.open(make_bundle("cnn"))  # its weights are random: it knows nothing
    taught = asked.teach(two())
    assert taught.adapter.verified
    assert taught.adapter.verified.blocks == 4
    assert taught.adapter.verified.log_loss_after < taught.adapter.verified.log_loss_before
    taught.adapter.write(tmp_path / "me.json")
    before = asked.predictions(two())[0][0].probabilities
    ((found,), _) = asked.predictions(two(), adapter=tmp_path / "me.json")
    right = np.isin(found.probabilities.argmax(1), [0, 1])  # sit and walk
    assert right.mean() > 0.95 > (np.isin(before.argmax(1), [0, 1])).mean()
    assert (asked.predict(two(), adapter=taught.adapter)["activity"].isin(["sit", "walk"])).all()
    again = asked.teach(two()).adapter
    assert again == taught.adapter, "the same seconds give the same file"


def test_a_new_activity_is_named_and_the_known_are_kept(make_bundle: MakeBundle) -> None:
    asked = Asked.open(make_bundle("cnn"))
    quiet = replace(two(), acceleration=two().acceleration[2000:4000], annotations=())
    lively = replace(two(), acceleration=two().acceleration[:2000] * 2, annotations=())
    taught = asked.teach(("sit", quiet), ("rowing", lively))
    assert taught.adapter.activities == (*small_bundles.ACTIVITIES, "rowing")
    assert set(asked.predict(lively, adapter=taught.adapter)["activity"]) == {"rowing"}
    assert "rowing" not in set(asked.predict(quiet, adapter=taught.adapter)["activity"])


def changed(folder: Path, tmp_path: Path, **parts: Any) -> Asked:
    """A copy of a bundle whose `model.json` has other parts."""
    copy = shutil.copytree(folder, tmp_path / "changed")
    said = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps({**said, **parts}))
    return Asked.open(copy)


def test_what_was_taught_is_no_longer_unlike_training(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    """A bundle whose training was far from everything calls everything unknown, but for what its
    wearer taught."""
    features = Bundle.open(make_bundle("cnn")).golden()["features"]
    nowhere = np.full((1, 2), 1e6)
    distance = Familiarity.of(Ruler(np.array([0, 1]), nowhere, np.eye(2)), limit=1e3)
    assert np.abs(features).max() < 1e3
    said = {"threshold": 0.0, "answer": "unknown", "how": "", "distance": distance.as_json()}
    asked = changed(make_bundle("cnn"), tmp_path, abstention=said)
    ((found,), _) = asked.predictions(two())
    assert {b.activity for b in found.bouts} == {"unknown"}
    assert found.unfamiliar == found.n_windows
    stream = asked.stream()
    answers = stream.feed(np.arange(1000) / 50, two().acceleration[:1000])
    assert {a.activity for a in answers} == {"unknown"}
    taught = asked.teach(two())
    taught.adapter.write(tmp_path / "me.json")
    ((found,), _) = asked.predictions(two(), adapter=tmp_path / "me.json")
    assert {b.activity for b in found.bouts} == {"walk", "sit"}
    assert found.unfamiliar == 0


def test_recordings_that_are_unlike_training_are_pointed_out(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    each = dict.fromkeys(["+x", "-x", "+y", "-y", "+z", "-z"], 0.2)
    like = {
        "level": [0.5, 40.0], "gravity": each, "worn": each, "at_least": 10, "lags": [1],
        "defects": {}, "not_told": {},
    }  # fmt: skip
    asked = changed(make_bundle("cnn"), tmp_path, likeness=like)
    assert not asked.teach(two()).unlike
    loud = replace(two(), acceleration=two().acceleration * 20)
    (line,) = asked.teach(loud).unlike
    assert "unlike the training recordings" in line


def test_what_does_not_help_is_not_written(make_bundle: MakeBundle) -> None:
    bundle = Bundle.open(make_bundle("cnn"))
    rng = np.random.default_rng(0)
    lessons = []
    for i in range(
        8
    ):  # labels that have nothing to do with the windows, which the model is right on
        p = np.full((3, 4), 0.02, np.float32)
        p[:, i % 2] = 0.94
        features = rng.normal(0, 1, (3, bundle.manifest.features.shape[1])).astype(np.float32)
        lessons.append(
            teaching.Lesson(
                small_bundles.ACTIVITIES[i % 2], f"r{i}", np.arange(3.0), Evidence(features, p)
            )
        )
    wrong = [
        replace(x, activity=small_bundles.ACTIVITIES[(i // 2) % 2]) for i, x in enumerate(lessons)
    ]
    with pytest.raises(AdapterError, match=r"Nothing is written") as e:
        teaching.learn(bundle, wrong)
    assert "r1 is labelled sit, but the model is 94% sure of walk" in str(e.value)


def test_one_stretch_is_halved_and_a_short_one_is_not_verified(make_bundle: MakeBundle) -> None:
    asked = Asked.open(make_bundle("cnn"))
    one = replace(two(), annotations=(), acceleration=two().acceleration[:400])
    other = replace(two(), annotations=(), acceleration=two().acceleration[2000:2400])
    found = asked.teach(("walk", one), ("sit", other)).adapter
    assert found.verified
    assert found.verified.blocks == 4
    brief = [replace(r, acceleration=r.acceleration[:130]) for r in (one, other)]
    assert asked.teach(("walk", brief[0]), ("sit", brief[1])).adapter.verified is None


def test_bad_input(make_bundle: MakeBundle, tmp_path: Path) -> None:
    asked = Asked.open(make_bundle("cnn"))
    plain = replace(two(), annotations=())
    with pytest.raises(AdapterError, match="nothing in it is labelled"):
        asked.teach(plain)
    with pytest.raises(AdapterError, match="two activities or more"):
        asked.teach(("walk", plain))
    with pytest.raises(DataError, match="no window of"):
        asked.teach(("walk", replace(plain, acceleration=plain.acceleration[:20])))
    adapter = asked.teach(two()).adapter
    with pytest.raises(AdapterError, match="made of another file"):
        Asked.open(make_bundle("gru")).predict(plain, adapter=adapter)
    with pytest.raises(AdapterError, match="without an adapter"):
        asked.predictions(plain, adapter=adapter, sets=0.9)


BREAKS: dict[str, Any] = {
    "no JSON": lambda a: "{",
    "weights": lambda a: {**a, "weights": "no base64!"},
    "not finite": lambda a: {**a, "weights": "AADAfwAAwH8AAMB/AADAfw=="},
    "too few": lambda a: {**a, "weights": a["weights"][:8]},
    "offset": lambda a: {**a, "offset": a["offset"][:-1]},
    "twice": lambda a: {**a, "activities": [a["activities"][0]] * len(a["activities"])},
    "another schema": lambda a: {**a, "schema": "har-model/1"},
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_adapter_is_refused(make_bundle: MakeBundle, tmp_path: Path, name: str) -> None:
    asked = Asked.open(make_bundle("cnn"))
    about = BREAKS[name](asked.teach(two()).adapter.as_json())
    path = tmp_path / "me.json"
    path.write_text(about if isinstance(about, str) else json.dumps(about))
    with pytest.raises(AdapterError, match="me.json is not what this version writes"):
        asked.predict(two(), adapter=path)
    with pytest.raises(AdapterError, match="There is no"):
        Adapter.read(tmp_path / "none.json", again="har adapt")


def test_by_command_line(make_bundle: MakeBundle, tmp_path: Path) -> None:
    frame = two().to_frame().rename(columns={"activity": "label"})
    frame.to_csv(tmp_path / "labelled.csv", index=False)
    for label in ("walk", "sit"):
        part = frame[frame["label"] == label].iloc[:2000].drop(columns="label")
        part.to_csv(tmp_path / f"{label}.csv", index=False)
    bundle, out = str(make_bundle("cnn")), str(tmp_path / "me.json")
    given = [f"{label}={tmp_path / label}.csv" for label in ("walk", "sit")]
    for recordings in ([str(tmp_path / "labelled.csv")], given):
        done = CliRunner().invoke(main, ["adapt", bundle, *recordings, "--out", out])
        assert done.exit_code == 0, done.output
        assert "without the correction" in done.output
    said = ["predict", bundle, str(tmp_path / "walk.csv"), "--adapter", out, "--json"]
    done = CliRunner().invoke(main, said)
    assert {b["activity"] for b in json.loads(done.output)["recordings"][0]["bouts"]} == {"walk"}
    done = CliRunner().invoke(main, ["adapt", bundle, given[0], "--out", out + "2", "--json"])
    assert done.exit_code == 1
    assert not Path(out + "2").exists()
