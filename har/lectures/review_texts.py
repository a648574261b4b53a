"""Film reviews as rows of word numbers: IMDb from local files, or short generated ones.

No pickle is read from outside, but for one file whose every byte is known: Keras publishes
`imdb.npz` with its checksum, and only a file with that checksum is opened.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from har.errors import DataError
from har.files import sha256_file
from har.lectures.word_numbers import START, UNKNOWN, WORDS, numbered, vocabulary

FOLDER = Path("data") / "raw" / "imdb"
ARCHIVE, NPZ = "aclImdb_v1.tar.gz", "imdb.npz"
# keras/src/datasets/imdb.py, `file_hash` of load_data.
NPZ_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_MEMBER = re.compile(r"aclImdb/(train|test)/(pos|neg)/[^/]+\.txt")


@dataclass(frozen=True)
class Reviews:
    """Word numbers, padded in front: x (n, length) int32, and y (n,) of 0 and 1."""

    name: str
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load(root: Path, length: int) -> Reviews | None:
    """IMDb from the workspace, in the order folder, archive, npz; None if none is there."""
    there = root / FOLDER
    if (there / "aclImdb").is_dir():
        return from_texts(_from_folder(there / "aclImdb"), length)
    if (there / ARCHIVE).is_file():
        return from_texts(_from_archive(there / ARCHIVE), length)
    if (there / NPZ).is_file():
        return from_npz(there / NPZ, length)
    return None


def missing() -> str:
    """What to do where `load` finds nothing."""
    return (
        f"IMDb is not here. Put Stanford's {ARCHIVE} (or its folder aclImdb, from "
        f"https://ai.stanford.edu/~amaas/data/sentiment/) or Keras' {NPZ} into the workspace's "
        f"{FOLDER.as_posix()}."
    )


def from_texts(parts: Iterator[tuple[str, str, str]], length: int) -> Reviews:
    """From (train or test, pos or neg, text); the vocabulary is that of the training part."""
    texts: dict[str, list[str]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for part, opinion, text in parts:
        texts[part].append(text)
        labels[part].append(opinion == "pos")
    for part, found in labels.items():
        if len(set(found)) < 2:
            raise DataError(
                f"The IMDb reviews have no pos or no neg in {part}: expected "
                f"{part}/pos/*.txt and {part}/neg/*.txt, got {len(found)} files."
            )
    known = vocabulary(texts["train"])
    x, xt = (numbered(texts[part], known, length) for part in ("train", "test"))
    return _shuffled("IMDb", x, np.array(labels["train"]), xt, np.array(labels["test"]))


def _from_folder(folder: Path) -> Iterator[tuple[str, str, str]]:
    for part in ("train", "test"):
        for opinion in ("pos", "neg"):
            for path in sorted((folder / part / opinion).glob("*.txt")):
                yield part, opinion, path.read_text(encoding="utf-8", errors="replace")


def _from_archive(path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        with tarfile.open(path) as tar:  # read in place: nothing is unpacked
            for member in tar:
                match = _MEMBER.fullmatch(member.name)
                file = tar.extractfile(member) if match else None
                if match and file:
                    yield match[1], match[2], file.read().decode("utf-8", errors="replace")
    except (tarfile.TarError, EOFError, OSError) as e:
        raise DataError(f"{path} is damaged or not a tar archive ({e}). Download it again.") from e


def from_npz(path: Path, length: int) -> Reviews:
    """Keras' file, once its checksum has been verified; the words are numbered already."""
    if (found := sha256_file(path)) != NPZ_SHA256:
        raise DataError(
            f"{path} is not the file that Keras publishes: SHA-256 is {found}, expected "
            f"{NPZ_SHA256}. It holds pickled objects and is not opened. Use {ARCHIVE} instead."
        )
    with np.load(path, allow_pickle=True) as f:  # exactly the published bytes
        x, y, xt, yt = (f[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    return _shuffled("IMDb", _ranks(x, length), y, _ranks(xt, length), yt)


def _ranks(rows: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """Keras' ranks begin at 1: a shift by 3 makes the first word 4."""
    from keras.utils import pad_sequences

    known = [[START, *(w + 3 if w + 3 < WORDS else UNKNOWN for w in row)] for row in rows]
    return np.asarray(pad_sequences(known, length))


def _shuffled(name: str, x: np.ndarray, y: np.ndarray, xt: np.ndarray, yt: np.ndarray) -> Reviews:
    order = np.random.default_rng(0).permutation(len(x))
    return Reviews(name, x[order], y[order].astype("int64"), xt, yt.astype("int64"))
