"""Reviews from a small text set in the published layouts, and files that must not be opened."""

import io
import itertools
import tarfile

import numpy as np
import pytest

from har.errors import DataError
from har.lectures import generated_texts, review_texts, reviews
from har.lectures.result import Setting

TEXTS = {
    "train/pos/0_9.txt": "A good film.<br /><br />Good, GOOD!",
    "train/neg/1_2.txt": "a bad film; it's bad",
    "test/pos/0_8.txt": "good unseen words",
    "test/neg/3_1.txt": "bad",
}


def as_folder(root):
    for name, text in TEXTS.items():
        path = root / review_texts.FOLDER / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def as_archive(root):
    (root / review_texts.FOLDER).mkdir(parents=True)
    with tarfile.open(root / review_texts.FOLDER / review_texts.ARCHIVE, "w:gz") as tar:
        for name, text in {**TEXTS, "train/unsup/5_0.txt": "no opinion"}.items():
            info = tarfile.TarInfo(f"aclImdb/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))


@pytest.mark.tensorflow  # Keras pads the texts
@pytest.mark.parametrize("make", [as_folder, as_archive])
def test_the_published_layouts(make, tmp_path):
    make(tmp_path)
    data = review_texts.load(tmp_path, length=6)
    assert data.x.shape == (2, 6)
    # by frequency, then alphabet: good (3), a, bad, film (2 each), it's (1)
    good, a, bad, film, its = range(4, 9)
    rows = {tuple(row) for row in data.x}
    assert rows == {(1, a, good, film, good, good), (1, a, bad, film, its, bad)}
    assert data.x_test[0].tolist() == [0, 0, 1, good, 2, 2]
    assert data.x_test[1].tolist() == [0, 0, 0, 0, 1, bad]
    assert data.y_test.tolist() == [1, 0]
    assert sorted(data.y.tolist()) == [0, 1]


def test_nothing_there(tmp_path):
    assert review_texts.load(tmp_path, length=6) is None
    assert "aclImdb_v1.tar.gz" in review_texts.missing()


def test_half_a_set_is_refused(tmp_path):
    as_folder(tmp_path)
    (tmp_path / review_texts.FOLDER / "aclImdb" / "train" / "neg" / "1_2.txt").unlink()
    with pytest.raises(DataError, match="no pos or no neg in train"):
        review_texts.load(tmp_path, length=6)


def test_a_damaged_archive_is_refused(tmp_path):
    as_archive(tmp_path)
    path = tmp_path / review_texts.FOLDER / review_texts.ARCHIVE
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="damaged or not a tar"):
        review_texts.load(tmp_path, length=6)


class Trap:
    """Unpickling it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_with_another_checksum_is_not_opened(tmp_path):
    folder = tmp_path / review_texts.FOLDER
    folder.mkdir(parents=True)
    with (folder / review_texts.NPZ).open("wb") as f:
        np.savez(f, x_train=np.array([Trap(tmp_path / "sprung")], dtype=object))
    with pytest.raises(DataError, match="not the file that Keras publishes"):
        review_texts.load(tmp_path, length=6)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.tensorflow
def test_keras_publishes_that_checksum():
    import inspect

    from keras.datasets import imdb

    assert review_texts.NPZ_SHA256 in inspect.getsource(imdb.load_data)


@pytest.mark.tensorflow
def test_numbering_equals_keras(tmp_path, monkeypatch):
    """A file like Keras' own, numbered by `keras.datasets.imdb.load_data` and by us."""
    import keras

    ranks = np.empty(2, object)
    ranks[:] = [[1, 2, 3, 9_996, 9_997, 20_000], [5]]
    path = tmp_path / "imdb.npz"
    np.savez(path, x_train=ranks, y_train=[0, 1], x_test=ranks, y_test=[0, 1])
    monkeypatch.setattr(review_texts, "NPZ_SHA256", review_texts.sha256_file(path))
    ours = review_texts.from_npz(path, length=8)
    from keras.src.datasets import imdb

    monkeypatch.setattr(imdb, "get_file", lambda *a, **k: str(path))
    (_, _), (theirs, labels) = keras.datasets.imdb.load_data(num_words=10_000)
    expected = keras.utils.pad_sequences(theirs, 8)
    order = np.argsort(labels)
    np.testing.assert_array_equal(ours.x_test, expected[order])


def test_generated_opinions_follow_their_words():
    """The slow way: count the opinions, turned round by `not`."""
    for _, label, text in generated_texts.reviews(50, 10, 30, seed=3):
        words = text.split()
        score = 0
        for before, word in itertools.pairwise(words):
            sign = (word in generated_texts.GOOD) - (word in generated_texts.BAD)
            score += -sign if before == "not" else sign
        assert (score > 0) == (label == "pos")


@pytest.mark.tensorflow
def test_the_lecture_runs_on_a_text_set(tmp_path, monkeypatch):
    """Everything that a full run does, on a few generated files in the published layout."""
    for i, (part, label, text) in enumerate(generated_texts.reviews(24, 8, 12, seed=1)):
        path = tmp_path / review_texts.FOLDER / "aclImdb" / part / label / f"{i}_1.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(reviews, "EPOCHS", 1)
    monkeypatch.setattr(reviews, "LENGTH", 20)
    result = reviews.run(Setting(tmp_path, quick=False, root=tmp_path))
    got = {r.quantity: r for r in result.rows}
    assert got["parameters of embedding and recurrent part, four simple_rnn"].obtained == "328,320"
    assert "IMDb, LSTM: test accuracy" in got
    assert not any(r.verdict == "not yet run" for r in result.rows)
    assert "four simple_rnn" in result.listing
