"""Texts as rows of word numbers, numbered as Keras numbers IMDb."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

WORDS = 10_000
PAD, START, UNKNOWN, FIRST_WORD = 0, 1, 2, 4  # as in Keras: 3 stays unused


def words(text: str) -> list[str]:
    """Lower case, without mark-up and punctuation."""
    return re.findall(r"[a-z0-9']+", re.sub(r"<[^>]*>", " ", text.lower()))


def numbered(texts: Sequence[str], known: Sequence[str], length: int) -> np.ndarray:
    """Texts to rows of numbers: the last `length` words, padded in front.

    Parameters
    ----------
    known : sequence of str
        The vocabulary, most frequent first; others become UNKNOWN.

    Returns
    -------
    ndarray of int32, shape (len(texts), length)
    """
    number = {w: i + FIRST_WORD for i, w in enumerate(known)}
    from keras.utils import pad_sequences

    rows = [[START, *(number.get(w, UNKNOWN) for w in words(t))] for t in texts]
    return np.asarray(pad_sequences(rows, length))


def vocabulary(texts: Sequence[str]) -> list[str]:
    """The most frequent words of the training texts, so that numbers stay below `WORDS`."""
    counts = Counter(w for t in texts for w in words(t))
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return ranked[: WORDS - FIRST_WORD]
