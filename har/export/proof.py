"""The files that ship are the models that were scored: converted, run, and held to Keras."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.config import ModelConfig
from har.errors import ExportError
from har.export import convert, parity, raw_parity, writer
from har.export.ensemble import Fold
from har.ingest import recording_files
from har.runtime.interpreter import LiteModel
from har.runtime.stepper import Stepper
from har.signal import window_files
from har.signal.windows import Windows
from har.stages import Context

N_PROBE = 1000
"""Windows on which the shipped file itself is held to its own Keras model."""

N_STEPPED = 200
"""Windows on which a step file is held to the whole window."""

N_REPRESENTATIVE = 200
"""Windows of training people from which int8 takes its ranges."""


@dataclass
class Shipped:
    """A model to ship.

    Parameters
    ----------
    config : ModelConfig
    keras_files : tuple of Path
        Several are shipped as one, the mean of their probabilities.
    trained_on : dict
        As in `model.json`.
    members : list of dict
        seed, epochs and temperature of each; the temperature is in its last layer already.
    folds : list of Fold
        The fold models of the same seeds, on which every variant is measured.
    """

    config: ModelConfig
    keras_files: tuple[Path, ...]
    trained_on: dict[str, Any]
    members: list[dict[str, Any]]
    folds: list[Fold]
    parities: dict[str, parity.Parity] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    stream: tuple[Path, dict[str, Any]] | None = None
    raw_parity: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.config.key


def convert_final(
    context: Context,
    shipped: Sequence[Shipped],
    windows: Windows,
    variants: tuple[str, ...],
    scratch: Path,
) -> list[convert.Converted]:
    """The shipped files, each held to its own Keras model."""
    requests = []
    for model in shipped:
        target = scratch / "final" / model.name
        target.mkdir(parents=True)
        train = np.flatnonzero(np.isin(windows.subjects, model.trained_on["subjects"]))
        pool = known(context, windows)
        requests.append(
            convert.Request(
                model.keras_files,
                target,
                variants,
                representative=_some(windows, train, N_REPRESENTATIVE),
                probe=np.concatenate(
                    [
                        windows.gather(pool[writer.choose_golden(windows.labels[pool])]),
                        _some(windows, pool, N_PROBE),
                    ]
                ),
            )
        )
    context.console.print(f"  converting {', '.join(m.name for m in shipped)}")
    # One at a time, each in a process that has built nothing else: the same file every time.
    final = [convert.convert([r], jobs=1)[0] for r in requests]
    for model, request, converted in zip(shipped, requests, final, strict=True):
        convert.required(converted)
        model.withheld |= converted.failed
        assert request.probe is not None
        assert converted.keras is not None
        if path := converted.files.pop(convert.STREAM, None):
            _check_step(model, path, request.probe, converted.keras)
        for variant, path in list(converted.files.items()):
            found = parity.compare(converted.keras, LiteModel(path)(request.probe))
            if reason := parity.gate(variant, found, what=f"{model.name}, the file that ships"):
                model.withheld[variant] = reason
                del converted.files[variant]
    return final


def _check_step(model: Shipped, path: Path, probe: np.ndarray, keras: np.ndarray) -> None:
    """Step by step must be the whole window."""
    about = json.loads(convert.about_step(path).read_text(encoding="utf-8"))
    stepper = Stepper(path, about)
    found = np.stack([stepper.window(w) for w in probe[:N_STEPPED]])
    compared = parity.compare(keras[:N_STEPPED], found)
    if reason := parity.why_not("float32", compared):
        model.withheld[convert.STREAM] = reason
        return
    about |= {"n_windows": compared.n_windows, "max_abs_diff": compared.max_abs_diff}
    model.stream = (path, about)


def measure_on_folds(
    context: Context,
    shipped: Sequence[Shipped],
    windows: Windows,
    final: Sequence[convert.Converted],
    scratch: Path,
) -> None:
    """Each variant of each fold's model, on that fold's unseen people, against what was scored."""
    requests, jobs, models = [], [], []
    for model, converted in zip(shipped, final, strict=True):
        for job in model.folds:
            target = scratch / "folds" / model.name / str(job.number)
            target.mkdir(parents=True)
            train = np.flatnonzero(np.isin(windows.subjects, job.train))
            requests.append(
                convert.Request(
                    job.files,
                    target,
                    tuple(converted.files),
                    representative=_some(windows, train, N_REPRESENTATIVE),
                )
            )
            jobs.append(job)
            models.append(model)
    context.console.print(f"  holding them to Keras on unseen people, {len(requests)} folds")
    results = convert.convert(requests, jobs=context.jobs)
    items, places = [], []
    for n, (job, found) in enumerate(zip(jobs, results, strict=True)):
        convert.required(found)
        index = job.predictions().test_index
        for variant, path in found.files.items():
            items.append((path, context.outputs["prepare"].path, index))
            places.append((n, variant))
    answers: dict[tuple[int, str], np.ndarray] = {}
    for i, outcome in fanout.run(_answers, items, jobs=context.jobs):
        if isinstance(outcome, fanout.Failed):
            n, variant = places[i]
            raise ExportError(
                f"The {variant} file of {models[n].name}, fold {jobs[n].number}, cannot be run: "
                f"{outcome.reason}"
            )
        answers[places[i]] = outcome.value
    for model, converted in zip(shipped, final, strict=True):
        mine = [n for n, m in enumerate(models) if m is model]
        for variant in list(converted.files):
            lacking = [n for n in mine if (n, variant) not in answers]
            if lacking:
                n = lacking[0]
                why = results[n].failed.get(variant, "not converted")
                model.withheld[variant] = f"of fold {jobs[n].number}'s model: {why}"
                del converted.files[variant]
                continue
            predictions = [jobs[n].predictions() for n in mine]
            compared = parity.compare(
                np.concatenate([p.test_probabilities for p in predictions]),
                np.concatenate([answers[n, variant] for n in mine]),
                windows.labels[np.concatenate([p.test_index for p in predictions])],
            )
            model.parities[variant] = compared
            if reason := parity.gate(variant, compared, what=f"{model.name}, on unseen people"):
                model.withheld[variant] = reason
                del converted.files[variant]
        float32 = [results[n].files["float32"] for n in mine]
        model.raw_parity = _from_raw_recordings(context, model, float32, windows)


def _from_raw_recordings(
    context: Context, model: Shipped, files: Sequence[Path], windows: Windows
) -> dict[str, Any]:
    """Each fold's float32 file on recordings as they were ingested, resampled as a phone does."""
    phone, keras = [], []
    count = irregular = 0
    for job, path in zip(model.folds, files, strict=True):
        index, probabilities = job.predictions().of("test")
        recordings = raw_parity.pick(
            recording_files.iterate(context.outputs["ingest"].path), windows.recordings[index]
        )
        a, b = raw_parity.check(
            path,
            recordings,
            windows,
            index,
            probabilities,
            signal=context.pipeline.signal,
        )
        phone.append(a)
        keras.append(b)
        count += len(recordings)
        irregular += sum(r.time_s is not None for r in recordings)
    return raw_parity.gate(phone, keras, count, irregular)


def _answers(item: tuple[Path, Path, np.ndarray], _report: Any) -> np.ndarray:
    path, folder, index = item
    windows, model = window_files.load(folder), LiteModel(path)
    parts = [model(windows.gather(index[a : a + 1024])) for a in range(0, len(index), 1024)]
    return np.concatenate(parts) if parts else np.empty((0, model.n_classes), np.float32)


def known(context: Context, windows: Windows) -> np.ndarray:
    """Windows of the people who are in the comparison."""
    return np.flatnonzero(~np.isin(windows.subjects, context.pipeline.split.exclude))


def _some(windows: Windows, index: np.ndarray, n: int) -> np.ndarray:
    """At most n windows, drawn with a fixed seed."""
    if len(index) > n:
        index = np.sort(np.random.default_rng(0).choice(index, n, replace=False))
    return windows.gather(index)
