import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.config import Filter, Signal, WindowsConfig
from har.errors import ConfigError, WindowError
from har.recording import Annotation, Recording
from har.signal import window_files
from har.signal.filters import filter_valid
from har.signal.prepare import class_of, prepare
from har.signal.windows import cut, sliding_starts
from tests import naive

runs = st.lists(st.tuples(st.integers(-2, 3), st.integers(1, 60)), min_size=1, max_size=12)


@settings(max_examples=200)
@given(
    runs,
    st.integers(1, 40),
    st.integers(1, 30),
    st.integers(0, 10),
    st.sampled_from(["recording", "annotation"]),
    st.sampled_from([0, 0.3, 0.5, 0.8, 1.0]),
    st.booleans(),
)
def test_cut_equals_the_naive_twin(runs, length, step, lead, within, min_purity, last):
    labels = np.concatenate([np.full(n, c) for c, n in runs])
    options = dict(
        length=length, step=step, lead=lead, within=within, min_purity=min_purity, last=last
    )
    found = cut(labels, n_classes=4, **options)
    twin = naive.windows(labels, **options)
    assert list(zip(found.starts.tolist(), found.labels.tolist(), strict=True)) == [
        (s, c) for s, c, _ in twin
    ]
    np.testing.assert_allclose(found.purity, [p for *_, p in twin], atol=1e-6)


@given(st.integers(0, 500), st.integers(1, 100), st.integers(1, 100))
def test_sliding_starts_are_all_that_fit(n, length, step):
    starts = sliding_starts(n, length=length, step=step)
    assert starts.tolist() == [s for s in range(0, n, step) if s + length <= n]


def test_a_step_of_nothing_is_refused():
    with pytest.raises(WindowError, match="at least one sample"):
        sliding_starts(10, length=5, step=0)


def recording(n=1000, subject="1", session="a", labels=("walk", "sit"), rate=50.0, **more):
    rng = np.random.default_rng(n)
    half = n // 2
    return Recording(
        "test", subject, session, "wrist", rate, rng.normal(size=(n, 3)).astype(np.float32),
        (Annotation(labels[0], 0, half), Annotation(labels[1], half, n)), **more,
    )  # fmt: skip


def test_windows_stay_in_their_recording_and_hold_its_samples():
    recordings = [recording(session="a"), recording(session="b", n=1200)]
    w = prepare(recordings, signal=Signal(filter=Filter()), windows=WindowsConfig())
    by_id = {r.id: r for r in recordings}
    for i in range(len(w)):
        a, b = w.spans[i]
        np.testing.assert_array_equal(
            w.gather(np.array([i]))[0], by_id[w.recordings[i]].acceleration[a:b]
        )
        assert b - a == w.n_raw == 128 + len(w.taps) - 1
    lead = len(w.taps) // 2
    for i in range(len(w)):  # the label is that of the filtered samples
        middle = slice(w.spans[i, 0] + lead, w.spans[i, 1] - lead)
        n = by_id[w.recordings[i]].n_samples
        walking = (np.arange(n)[middle] < n // 2).mean()
        assert w.purity[i] == pytest.approx(max(walking, 1 - walking))
        assert w.activities[w.labels[i]] == ("walk" if walking > 0.5 else "sit")


def test_unlabelled_time_may_be_a_class_and_the_last_sample_may_name_a_window():
    walk_only = Recording(
        "test", "1", "a", "wrist", 50.0, np.ones((1000, 3), np.float32),
        (Annotation("walk", 0, 400), Annotation("sit", 800, 1000)),
    )  # fmt: skip
    config = WindowsConfig(length_s=1, overlap=0.6, label="last", min_purity=0, null_label="keep")
    w = prepare([walk_only], signal=Signal(), windows=config)
    assert w.activities == ("sit", "walk", "null")
    ends = w.spans[:, 1] - 1
    assert w.labels.tolist() == np.select([ends < 400, ends >= 800], [1, 0], 2).tolist()
    assert len(w) == len(sliding_starts(1000, length=50, step=20))
    with pytest.raises(ConfigError, match="needs the name 'null'"):
        prepare([recording(labels=("walk", "null"))], signal=Signal(), windows=config)


def test_disk_grows_with_the_recordings_not_with_the_overlap(tmp_path):
    sizes = {}
    for overlap in (0.0, 0.9):
        w = prepare([recording(n=20000)], signal=Signal(), windows=WindowsConfig(overlap=overlap))
        folder = tmp_path / str(overlap)
        folder.mkdir()
        window_files.write(folder, w)
        sizes[overlap] = (folder / "samples.npy").stat().st_size
        again = window_files.load(folder)
        assert len(again) == len(w)
        np.testing.assert_array_equal(again.gather(np.arange(5)), w.gather(np.arange(5)))
        assert again.activities == w.activities
        np.testing.assert_array_equal(again.spans, w.spans)
    assert sizes[0.0] == sizes[0.9]


def test_a_gap_is_never_inside_a_window():
    t = np.arange(1000) / 50
    t[500:] += 3.0
    w = prepare([recording(time_s=t)], signal=Signal(), windows=WindowsConfig(overlap=0.9))
    inside = [(a, b) for a, b in w.spans if a < 500 and b > 650]
    assert not inside
    assert (w.spans[:, 0] >= 650).any()
    assert (w.spans[:, 1] <= 501).any()


def test_labels_follow_the_clock_when_the_rate_changes():
    w = prepare([recording(n=2000, rate=100.0)], signal=Signal(rate_hz=25), windows=WindowsConfig())
    middle = w.spans.mean(axis=1) / 25  # seconds
    assert set(np.asarray(w.activities)[w.labels[middle < 9]]) == {"walk"}
    assert set(np.asarray(w.activities)[w.labels[middle > 11]]) == {"sit"}


def test_filter_in_the_model_sees_the_filtered_recording():
    r = recording()
    w = prepare([r], signal=Signal(filter=Filter()), windows=WindowsConfig())
    whole = filter_valid(r.acceleration, w.taps)
    for i in range(len(w)):
        own = filter_valid(w.gather(np.array([i])), w.taps)[0]
        np.testing.assert_allclose(own, whole[w.spans[i, 0] :][: w.n_samples], atol=1e-6)


def test_activities_can_be_chosen_merged_and_misspelt():
    labels = ["walk", "sit", "stand"]
    assert class_of("all", labels)[0] == ("sit", "stand", "walk")
    names, of = class_of({"still": ("sit", "stand"), "walk": ("walk",)}, labels)
    assert names == ("still", "walk")
    assert of == {"sit": 0, "stand": 0, "walk": 1}
    with pytest.raises(ConfigError, match="labelled 'wlak', did you mean 'walk'?"):
        class_of(("wlak", "sit"), labels)
    with pytest.raises(ConfigError, match="two classes"):
        class_of({"a": ("sit",), "b": ("sit",)}, labels)
    with pytest.raises(ConfigError, match="two activities or more"):
        class_of(("sit",), labels)


def test_no_window_left_says_why():
    with pytest.raises(WindowError, match="Shorten windows.length_s"):
        prepare([recording(n=50)], signal=Signal(), windows=WindowsConfig())
    with pytest.raises(WindowError, match="No window is labelled nap"):
        prepare(
            [recording(), recording(session="b", n=80, labels=("nap", "walk"))],
            signal=Signal(), windows=WindowsConfig(),
        )  # fmt: skip


def test_rejected_windows_are_counted():
    w = prepare([recording()], signal=Signal(), windows=WindowsConfig(overlap=0, min_purity=1.0))
    assert len(w) + w.rejected["mixed labels"] == 1000 // 128
