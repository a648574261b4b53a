"""The files that ship are the models that were scored: converted, run, and held to Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.config import Signal
from har.errors import ExportError
from har.export import convert, parity, raw_parity
from har.export.measure import measure
from har.export.shipping import Shipped
from har.ingest import recording_files
from har.runtime.interpreter import LiteModel
from har.runtime.manifest import STEP, Figures, ProvenStep, RawParity, Step
from har.runtime.stepper import Stepper
from har.signal import window_files
from har.signal.windows import Windows

N_PROBE = 1000
"""Windows on which the shipped file itself is held to its own Keras model."""

N_STEPPED = 200
"""Windows on which a step file is held to the whole window."""

N_REPRESENTATIVE = 200
"""Windows of training people from which int8 takes its ranges."""


@dataclass(frozen=True)
class Final:
    """A shipped model's files that do what its own Keras model does.

    `keras` are that model's probabilities of the golden windows, `withheld` the reasons of the
    files that are not there.
    """

    files: dict[str, Path]
    step: tuple[Path, ProvenStep] | None
    withheld: dict[str, str]
    keras: np.ndarray


@dataclass(frozen=True)
class Row:
    """One variant of one fold's model, on that fold's unseen people.

    Parameters
    ----------
    model, variant : str
    fold : int or str
    file : Path or None
        None if it cannot be converted, for the reason in `why_not`.
    index : ndarray of int64, shape (n,)
        The windows of the unseen people.
    keras : ndarray of float32, shape (n, k)
        What was scored.
    answers : ndarray of float32, shape (n, k), optional
        What the file says, once it was asked.
    """

    model: str
    fold: int | str
    variant: str
    file: Path | None
    why_not: str
    index: np.ndarray
    keras: np.ndarray
    answers: np.ndarray | None = None


@dataclass(frozen=True)
class Proof:
    """What may ship of a model, what it was measured to do, and why the rest may not."""

    files: dict[str, Path]
    figures: dict[str, Figures]
    step: tuple[Path, ProvenStep] | None
    withheld: dict[str, str]
    raw_parity: RawParity
    keras: np.ndarray


def prove(
    shipped: Sequence[Shipped],
    windows: Windows,
    *,
    variants: Sequence[str],
    known: np.ndarray,
    golden: np.ndarray,
    signal: Signal,
    prepared: Path,
    ingested: Path,
    scratch: Path,
    jobs: int,
    say: Callable[[str], None],
) -> list[Proof]:
    """Convert each model and hold every file to Keras.

    Parameters
    ----------
    shipped : sequence of Shipped
    windows : Windows
    variants : sequence of str
        What to convert to.
    known, golden : ndarray of int64
        Windows of the people who are in the comparison; those of them that go into the bundle.
    signal : Signal
    prepared, ingested : Path
        Where the windows and the recordings are stored.
    scratch : Path
        An empty folder, where the files are left.
    jobs : int
    say : callable
        Takes lines about progress.

    Raises
    ------
    ExportError
        If a float32 file is not the model that was scored.
    """
    say(f"  converting {', '.join(m.name for m in shipped)}")
    finals = [
        _final(m, windows, variants, known, golden, scratch / "final" / m.name) for m in shipped
    ]
    files = {m.name: tuple(f.files) for m, f in zip(shipped, finals, strict=True)}
    rows = _on_folds(shipped, files, windows, prepared, scratch / "folds", jobs, say)
    return [
        _proof(m.name, final, [r for r in rows if r.model == m.name], windows, ingested, signal)
        for m, final in zip(shipped, finals, strict=True)
    ]


def _final(
    model: Shipped,
    windows: Windows,
    variants: Sequence[str],
    known: np.ndarray,
    golden: np.ndarray,
    folder: Path,
) -> Final:
    """The shipped files, each held to its own Keras model."""
    folder.mkdir(parents=True)
    probe = np.concatenate([windows.gather(golden), _some(windows, known, N_PROBE)])
    request = convert.Request(
        model.keras_files,
        folder,
        (*variants, STEP),
        representative=_of_people(windows, model.trained_on.subjects),
        probe=probe,
    )
    # Alone, in a process that has built nothing else: the same file every time.
    (made,) = convert.convert([request], jobs=1)
    convert.required(made)
    assert made.keras is not None
    files, withheld, step = dict(made.files), dict(made.failed), None
    if path := files.pop(STEP, None):
        assert made.step is not None
        compared = _stepped(path, made.step, probe[:N_STEPPED], made.keras[:N_STEPPED])
        if reason := parity.why_not("float32", compared):
            withheld[STEP] = reason
        else:
            step = (
                path,
                ProvenStep(
                    **made.step.model_dump(),
                    n_windows=compared.n_windows,
                    max_abs_diff=compared.max_abs_diff,
                ),
            )
    for variant in tuple(files):
        compared = parity.compare(made.keras, LiteModel(files[variant])(probe))
        if reason := parity.gate(variant, compared, what=f"{model.name}, the file that ships"):
            withheld[variant] = reason
            del files[variant]
    return Final(files, step, withheld, made.keras[: len(golden)])


def _stepped(path: Path, step: Step, windows: np.ndarray, keras: np.ndarray) -> parity.Parity:
    """Step by step must be the whole window."""
    stepper = Stepper(path, step)
    return parity.compare(keras, np.stack([stepper.window(w) for w in windows]))


def _on_folds(
    shipped: Sequence[Shipped],
    variants: Mapping[str, tuple[str, ...]],
    windows: Windows,
    prepared: Path,
    scratch: Path,
    jobs: int,
    say: Callable[[str], None],
) -> list[Row]:
    """Each variant of each fold's model, on that fold's unseen people."""
    cases = [(model.name, fold) for model in shipped for fold in model.folds]
    requests = []
    for name, fold in cases:
        folder = scratch / name / str(fold.number)
        folder.mkdir(parents=True)
        train = _of_people(windows, fold.train)
        requests.append(convert.Request(fold.files, folder, variants[name], representative=train))
    say(f"  holding them to Keras on unseen people, {len(requests)} folds")
    rows = []
    for (name, fold), made in zip(cases, convert.convert(requests, jobs=jobs), strict=True):
        convert.required(made)
        index, keras = fold.predictions().of("test")
        for v in variants[name]:
            why_not = made.failed.get(v, "not converted")
            rows.append(Row(name, fold.number, v, made.files.get(v), why_not, index, keras))
    items = {n: (r.file, prepared, r.index) for n, r in enumerate(rows) if r.file}
    places = list(items)
    for i, outcome in fanout.run(_answers, list(items.values()), jobs=jobs):
        row = rows[places[i]]
        if isinstance(outcome, fanout.Failed):
            raise ExportError(
                f"The {row.variant} file of {row.model}, fold {row.fold}, cannot be run: "
                f"{outcome.reason}"
            )
        rows[places[i]] = replace(row, answers=outcome.value)
    return rows


def _answers(item: tuple[Path, Path, np.ndarray], _report: Any) -> np.ndarray:
    path, folder, index = item
    windows, model = window_files.load(folder), LiteModel(path)
    parts = [model(windows.gather(index[a : a + 1024])) for a in range(0, len(index), 1024)]
    return np.concatenate(parts) if parts else np.empty((0, model.n_classes), np.float32)


def _proof(
    name: str, final: Final, rows: Sequence[Row], windows: Windows, ingested: Path, signal: Signal
) -> Proof:
    """What the rows of a model say of its files."""
    files, figures, withheld = {}, {}, dict(final.withheld)
    for variant, path in final.files.items():
        mine = [r for r in rows if r.variant == variant]
        if lacking := next((r for r in mine if r.answers is None), None):
            withheld[variant] = f"of fold {lacking.fold}'s model: {lacking.why_not}"
            continue
        compared = parity.compare(
            np.concatenate([r.keras for r in mine]),
            np.concatenate([r.answers for r in mine if r.answers is not None]),
            windows.labels[np.concatenate([r.index for r in mine])],
        )
        if reason := parity.gate(variant, compared, what=f"{name}, on unseen people"):
            withheld[variant] = reason
            continue
        files[variant], figures[variant] = path, _figures(path, compared)
    float32 = [r for r in rows if r.variant == "float32"]
    raw = _from_raw_recordings(float32, windows, ingested, signal)
    return Proof(files, figures, final.step, withheld, raw, final.keras)


def _figures(path: Path, compared: parity.Parity) -> Figures:
    found = compared.as_dict()
    return Figures(
        operators=LiteModel(path).operators,
        **measure(path),
        **{key: found[key] for key in Figures.model_fields.keys() & found.keys()},
    )


def _from_raw_recordings(
    rows: Sequence[Row], windows: Windows, ingested: Path, signal: Signal
) -> RawParity:
    """Each fold's float32 file on recordings as they were ingested, resampled as a phone does."""
    phone, keras, tried = [], [], []
    for row in rows:
        assert row.file is not None
        recordings = raw_parity.pick(
            recording_files.iterate(ingested), windows.recordings[row.index]
        )
        answers, reference = raw_parity.check(
            row.file, recordings, windows, row.index, row.keras, signal=signal
        )
        phone.append(answers)
        keras.append(reference)
        tried += recordings
    return raw_parity.gate(phone, keras, tried)


def _of_people(windows: Windows, subjects: Sequence[str]) -> np.ndarray:
    """Windows of some people, from which int8 takes its ranges."""
    return _some(
        windows, np.flatnonzero(np.isin(windows.subjects, list(subjects))), N_REPRESENTATIVE
    )


def _some(windows: Windows, index: np.ndarray, n: int) -> np.ndarray:
    """At most n windows, drawn with a fixed seed."""
    if len(index) > n:
        index = np.sort(np.random.default_rng(0).choice(index, n, replace=False))
    return windows.gather(index)
