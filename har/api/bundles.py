"""`har.Bundle`: a model that ships, asked about files, DataFrames, windows and live samples."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from har.errors import DataError
from har.own_recordings import Table
from har.recording import Chunk, Recording
from har.runtime import bundle as bundle_files
from har.runtime import smoothing, teaching
from har.runtime.adapter import Adapter
from har.runtime.predict import predict
from har.runtime.prediction import UNKNOWN, Prediction
from har.runtime.teaching import Taught

if TYPE_CHECKING:
    import pandas as pd

    from har.api.collection import Recordings
    from har.recording import ChunkedRecording
    from har.runtime.manifest import Manifest


class Answer(NamedTuple):
    """What is known when a window is complete.

    `time_s` is that of the window's last sample, `confidence` the smoothed probability.
    """

    time_s: float
    activity: str
    confidence: float


class Bundle:
    """A model with everything that a program must know to run it. TensorFlow is not imported.

    Parameters
    ----------
    opened : har.runtime.bundle.Bundle

    Examples
    --------
    >>> import har
    >>> bundle = har.Bundle.open("reports/watch/bundle/cnn")         # doctest: +SKIP
    >>> bundle.predict("walk.csv")                                   # doctest: +SKIP
    """

    def __init__(self, opened: bundle_files.Bundle) -> None:
        self._opened = opened

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Bundle:
        """Read a bundle.

        Parameters
        ----------
        folder : str or Path
            Folder that `har export` or `ActivityClassifier.export` wrote.

        Returns
        -------
        Bundle
            The bundle, after a check of its files.

        Raises
        ------
        BundleError
            If it is not a bundle, or its files are not those that `model.json` lists.
        """
        return cls(bundle_files.Bundle.open(Path(folder)).check())

    @property
    def manifest(self) -> Manifest:
        """`model.json` as a type."""
        return self._opened.manifest

    @property
    def activities(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self.manifest.activities

    def predict(
        self,
        what: str | os.PathLike[str] | pd.DataFrame | Recording | Recordings,
        *,
        variant: str = "float32",
        adapter: Adapter | str | os.PathLike[str] | None = None,
        **said: Any,
    ) -> pd.DataFrame:
        """Predict bouts of activity.

        Parameters
        ----------
        what : str, Path, DataFrame, Recording or Recordings
            A file, folder or archive of any format that `har data check` knows; a table of time, x,
            y, z; or what `har.read` gave.
        variant : str
            Variant of the model: float32, dynamic, float16 or int8.
        adapter : Adapter, str or Path, optional
            The wearer's adapter, from `teach` or from a file that `har adapt` wrote.
        **said
            What a path or DataFrame does not say itself, as in `har.read`.

        Returns
        -------
        DataFrame
            A row for each bout: recording, start_s, end_s, activity, confidence.

        Raises
        ------
        DataError
            If no recording can be predicted, with the reason for each.
        """
        import pandas as pd

        found, left_out = self.predictions(what, variant=variant, adapter=adapter, **said)
        bouts = [
            {"recording": p.recording, **dataclasses.asdict(bout)}
            for p in found
            for bout in p.bouts
        ]
        columns = ["recording", "start_s", "end_s", "activity", "confidence"]
        table = pd.DataFrame(bouts, columns=columns)
        table.attrs["left_out"] = left_out
        return table

    def predictions(
        self,
        what: str | os.PathLike[str] | pd.DataFrame | Recording | Recordings,
        *,
        variant: str = "float32",
        sets: float | None = None,
        adapter: Adapter | str | os.PathLike[str] | None = None,
        **said: Any,
    ) -> tuple[list[Prediction], list[tuple[str, str]]]:
        """Predict recordings, window by window.

        Parameters
        ----------
        what : str, Path, DataFrame, Recording or Recordings
            As in `predict`, which raises the same errors.
        variant : str
            As in `predict`.
        sets : float, optional
            Share of windows whose prediction sets must contain the right activity, such as 0.9.
        adapter : Adapter, str or Path, optional
            As in `predict`.
        **said
            As in `predict`.

        Returns
        -------
        list of Prediction
            The prediction of each recording.
        list of (str, str)
            Recordings that were left out, with the reason.
        """
        if hasattr(what, "to_parquet"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "frame.parquet"
                what.to_parquet(path, index=False)
                found, left_out = self.predictions(
                    path, variant=variant, sets=sets, adapter=adapter, **said
                )
            named = (p.recording.replace(path.name, path.stem) for p in found)
            pairs = zip(found, named, strict=True)
            return [dataclasses.replace(p, recording=name) for p, name in pairs], left_out
        if isinstance(adapter, (str, os.PathLike)):
            adapter = Adapter.read(Path(adapter), again="har adapt BUNDLE RECORDING …")
        left_out = []
        found = []
        for one in self._recordings(what, said, left_out):
            try:
                found.append(
                    predict(self._opened, one, variant=variant, sets=sets, adapter=adapter)
                )
            except DataError as e:
                left_out.append((one.name, str(e).removeprefix(f"{one.name}: ")))
        if not found:
            raise DataError("\n".join(f"{name}: {reason}" for name, reason in left_out))
        return found, left_out

    def teach(
        self,
        *labelled: Any,
        **said: Any,
    ) -> Taught:
        """Learn from labelled seconds of one wearer.

        Parameters
        ----------
        *labelled : str, Path, Recording, Recordings or (activity, one of these)
            Recordings that say themselves what was done when, or pairs of an activity and a
            recording of nothing else. An activity that the model does not know is a new one.
        **said
            Of paths, where they do not tell: as of `har.read`.

        Returns
        -------
        Taught
            `adapter`, for `predict` (`adapter.write(path)` keeps it), `contradictions` and
            `unlike`.

        Raises
        ------
        AdapterError
            If too little was taught, or the correction does not help on what was left out.
        DataError
            If a recording cannot be predicted on.

        Examples
        --------
        >>> taught = bundle.teach(("walking", "w.csv"), ("sitting", "s.csv"))  # doctest: +SKIP
        >>> bundle.predict("day.csv", adapter=taught.adapter)                  # doctest: +SKIP
        """
        pairs = [one if isinstance(one, tuple) else (None, one) for one in labelled]
        lessons = [
            lesson
            for name, what in pairs
            for recording in self._recordings(what, said, [])
            for lesson in teaching.lessons_of(self._opened, recording, name)
        ]
        return teaching.learn(self._opened, lessons)

    def _recordings(
        self, what: Any, said: dict[str, Any], left_out: list[tuple[str, str]]
    ) -> Iterable[ChunkedRecording]:
        from har.ingest import chunks, opening

        if isinstance(what, (str, os.PathLike)):
            from har.api.collection import table

            path, reading = Path(what), self.manifest.data.tables
            trained = Table(path=str(path), **reading.as_json()) if reading else None
            return opening.open_path(path, table(str(path), said), trained, left_out)
        if said:
            raise DataError(
                f"{', '.join(said)} applies to a path or a DataFrame only; recordings carry it."
            )
        several = [what] if isinstance(what, Recording) else what
        return (chunks.of_recording(r) for r in several)

    def predict_proba(self, X: np.ndarray, *, variant: str = "float32") -> np.ndarray:
        """Predict the probabilities of windows, without smoothing.

        Parameters
        ----------
        X : ndarray, shape (n, T, 3)
            Windows in m/s² at the model's rate, with T as in `manifest.input.shape`.
        variant : str
            Variant of the model: float32, dynamic, float16 or int8.

        Returns
        -------
        ndarray of float32, shape (n, k)
            Probabilities, in the order of `activities`.

        Raises
        ------
        PredictionError
            If the windows are not what the model takes.
        """
        return self._opened.model(variant)(np.asarray(X, np.float32))

    def stream(self, *, variant: str = "float32") -> Stream:
        """Predict live samples.

        Parameters
        ----------
        variant : str
            Variant of the model: float32, dynamic, float16 or int8.

        Returns
        -------
        Stream
            An object to `feed` with samples, which returns answers.
        """
        return Stream(self._opened, variant)

    def __repr__(self) -> str:
        m = self.manifest
        return (
            f"<Bundle {m.model} of {m.pipeline}: {', '.join(m.activities)}; windows of "
            f"{m.window.length_s:g} s at {m.rate_hz:g} Hz; {', '.join(m.variants.keys())}>"
        )


class Stream:
    """Live samples to answers, as on a phone."""

    def __init__(self, opened: bundle_files.Bundle, variant: str) -> None:
        self._about = opened.manifest
        self._model = opened.model(variant)
        self._windower = opened.windower(opened.aligner())
        self._ruler = self._about.ruler()
        self._before = np.empty((0, len(self._about.activities) + 1))
        self._first: float | None = None

    def feed(self, time_s: float | np.ndarray, samples: np.ndarray) -> list[Answer]:
        """More samples.

        Parameters
        ----------
        time_s : float or ndarray, shape (n,)
            Seconds on any clock, increasing.
        samples : ndarray, shape (3,) or (n, 3)
            x, y, z in m/s², in Android's sign.

        Returns
        -------
        list of Answer
            One for each window that these samples complete; often none.

        Raises
        ------
        DataError
            If a shape is another, a value is not finite, or time does not increase.
        """
        times = np.atleast_1d(np.asarray(time_s, np.float64))
        rows = np.atleast_2d(np.asarray(samples, np.float32))
        if times.ndim != 1 or rows.shape != (len(times), 3):
            raise DataError(
                f"feed takes n times and n rows of x, y, z; got {times.shape} and {rows.shape}."
            )
        if not (np.isfinite(times).all() and np.isfinite(rows).all()):
            raise DataError("feed takes finite times and samples; leave out those that are not.")
        if not len(times):
            return []
        if self._first is None:
            self._first = float(times[0])
        about, answers = self._about, []
        for batch in self._windower.push(Chunk(times - self._first, rows)):
            before = self._before[:0] if batch.fresh else self._before
            asked = self._model.ask(batch.windows)
            rows = np.column_stack([asked.probabilities, self._ruler(asked.features)])
            seen = np.concatenate([before, rows])
            self._before = seen[max(0, len(seen) - about.smoothing.n_windows + 1) :]
            smoothed = smoothing.causal_mean(seen, about.smoothing.n_windows)[len(before) :]
            names = (*about.activities, UNKNOWN)  # UNKNOWN's index is −1
            which, confidence = smoothing.decide(
                smoothed[:, :-1], about.threshold, smoothed[:, -1], about.limit
            )
            ends = batch.start + about.n_raw - 1 + about.window.hop_samples * np.arange(len(which))
            answers += [
                Answer(self._first + float(end) / about.rate_hz, names[i], float(c))
                for end, i, c in zip(ends, which, confidence, strict=True)
            ]
        return answers
