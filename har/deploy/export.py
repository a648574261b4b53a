"""From trained folds to a bundle: the final fit, its conversion, the proof on people not seen."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.config import ModelConfig
from har.deploy import abstention, bundle, litert, manifest, parity, raw_parity, step
from har.deploy.interpreter import LiteModel, measure
from har.errors import ExportError
from har.ingest import stored as ingested
from har.signal import stored as prepared
from har.signal.windows import Windows
from har.stages import Context
from har.training.stored import JobRecord, Trained

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
    keras_file : Path
    trained_on : dict
        As in `model.json`.
    temperature : float
        Of the probabilities; it is in the last layer already.
    folds : list of JobRecord
        The fold models of one seed, on which every variant is measured.
    """

    config: ModelConfig
    keras_file: Path
    trained_on: dict[str, Any]
    temperature: float
    folds: list[JobRecord]
    parities: dict[str, parity.Parity] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    stream: tuple[Path, dict[str, Any]] | None = None
    raw_parity: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.config.key


def choose(context: Context, results: dict[str, Any]) -> list[ModelConfig]:
    """The models that `export.models` means.

    Raises
    ------
    ExportError
        If there is none, or one that is asked for by name cannot be exported.
    """
    wanted = context.pipeline.export.models
    by_key = {m.key: m for m in context.pipeline.models}
    able = [k for k, m in results["models"].items() if m.get("exportable", True) and m["macro_f1"]]
    if wanted == "best":
        keys = [results["selected"]] if results["selected"] else []
    elif wanted == "all":
        keys = [k for k in by_key if k in able]
    else:
        keys = list(wanted)
        if unable := [k for k in keys if k not in able]:
            raise ExportError(
                f"export.models: {', '.join(unable)} cannot be exported (a classical model, or "
                f"folds that failed). These can: {', '.join(able) or 'none'}."
            )
    if not keys:
        raise ExportError(
            "No model can be exported: add a network to models, or see which jobs failed."
        )
    return [by_key[k] for k in keys]


def median_epochs(folds: Sequence[JobRecord]) -> int:
    """Median best epoch of the folds, a half rounded up."""
    best = [j.about()["best_epoch"] for j in folds]
    return max(1, int(np.floor(np.median(best) + 0.5)))


def median_temperature(jobs: Sequence[JobRecord]) -> float:
    """The median of the temperatures that the folds' validation people gave."""
    return float(np.median([j.about()["temperature"] for j in jobs]))


def fit(context: Context, trained: Trained, configs: Sequence[ModelConfig]) -> list[Shipped]:
    """The models that ship: refitted on all people, or one fold's as it is."""
    from har.training.run import run_tasks
    from har.training.stage import final_task

    seed = context.pipeline.training.seeds[0]
    folds = {}
    for config in configs:
        jobs = sorted(
            (j for j in trained.jobs if j.model == config.key and j.seed == seed),
            key=lambda j: j.fold,
        )
        if broken := [j for j in jobs if j.folder is None]:
            raise ExportError(
                f"{config.key} has folds without a result ({broken[0].reason}): its variants "
                "cannot be measured on all people. Run `har train` again."
            )
        folds[config.key] = jobs
    if context.pipeline.export.fit == "fold":
        return [_one_fold(c, folds[c.key]) for c in configs]
    epochs = {c.key: median_epochs(folds[c.key]) for c in configs}
    temperature = {c.key: median_temperature(folds[c.key]) for c in configs}
    tasks = [final_task(context, c, seed, epochs[c.key], temperature[c.key]) for c in configs]
    if failed := run_tasks(tasks, jobs=context.jobs, console=context.console):
        i, reason = next(iter(failed.items()))
        raise ExportError(f"The final fit of {configs[i].key} failed: {reason}")
    shipped = []
    for config, task in zip(configs, tasks, strict=True):
        output = task.find()
        if output is None:
            raise ExportError(f"The final fit of {config.key} left no result. Run again.")
        subjects = sorted({s for f in trained.folds for part in f.values() for s in part})
        shipped.append(
            Shipped(
                config,
                output.path / "model.keras",
                {"fit": "final", "subjects": subjects, "epochs": epochs[config.key], "seed": seed},
                temperature[config.key],
                folds[config.key],
            )
        )
    return shipped


def _one_fold(config: ModelConfig, folds: list[JobRecord]) -> Shipped:
    """The first fold's: to pick the one with the best score would be choosing on test people."""
    first = folds[0]
    assert first.folder is not None
    about = first.about()
    on = {"fit": "fold", "fold": first.fold, "subjects": about["train"]}
    on |= {"epochs": about["best_epoch"], "seed": first.seed}
    return Shipped(config, first.folder / "model.keras", on, about["temperature"], folds)


def build(
    context: Context, shipped: Sequence[Shipped], results: dict[str, Any], folder: Path
) -> dict[str, dict[str, Any]]:
    """Convert, prove and write a bundle for each model into `folder/<model>`.

    Returns
    -------
    dict
        By model: its `model.json`.
    """
    windows = prepared.load(context.outputs["prepare"].path)
    variants = tuple(litert.VARIANTS[q] for q in context.pipeline.export.quantization)
    variants = (*variants, litert.STREAM)
    with tempfile.TemporaryDirectory(prefix="har-export-") as scratch:
        final = _convert_final(context, shipped, windows, variants, Path(scratch))
        _measure_on_folds(context, shipped, windows, final, Path(scratch))
        out = {}
        for model, converted in zip(shipped, final, strict=True):
            out[model.name] = _write(context, model, converted, windows, results, folder)
    return out


def _convert_final(
    context: Context,
    shipped: Sequence[Shipped],
    windows: Windows,
    variants: tuple[str, ...],
    scratch: Path,
) -> list[litert.Converted]:
    """The shipped files, each held to its own Keras model."""
    requests = []
    for model in shipped:
        target = scratch / "final" / model.name
        target.mkdir(parents=True)
        train = np.flatnonzero(np.isin(windows.subjects, model.trained_on["subjects"]))
        known = _known(context, windows)
        requests.append(
            litert.Request(
                model.keras_file,
                target,
                variants,
                representative=_some(windows, train, N_REPRESENTATIVE),
                probe=np.concatenate(
                    [
                        windows.gather(known[bundle.choose_golden(windows.labels[known])]),
                        _some(windows, known, N_PROBE),
                    ]
                ),
            )
        )
    context.console.print(f"  converting {', '.join(m.name for m in shipped)}")
    # One at a time, each in a process that has built nothing else: the same file every time.
    final = [litert.convert([r], jobs=1)[0] for r in requests]
    for model, request, converted in zip(shipped, requests, final, strict=True):
        litert.required(converted)
        model.withheld |= converted.failed
        assert request.probe is not None
        assert converted.keras is not None
        if path := converted.files.pop(litert.STREAM, None):
            _check_step(model, path, request.probe, converted.keras)
        for variant, path in list(converted.files.items()):
            found = parity.compare(converted.keras, LiteModel(path)(request.probe))
            if reason := parity.gate(variant, found, what=f"{model.name}, the file that ships"):
                model.withheld[variant] = reason
                del converted.files[variant]
    return final


def _check_step(model: Shipped, path: Path, probe: np.ndarray, keras: np.ndarray) -> None:
    """Step by step must be the whole window."""
    about = json.loads(litert.about_step(path).read_text(encoding="utf-8"))
    stepper = step.Stepper(path, about)
    found = np.stack([stepper.window(w) for w in probe[:N_STEPPED]])
    compared = parity.compare(keras[:N_STEPPED], found)
    if reason := parity.why_not("float32", compared):
        model.withheld[litert.STREAM] = reason
        return
    about |= {"n_windows": compared.n_windows, "max_abs_diff": compared.max_abs_diff}
    model.stream = (path, about)


def _measure_on_folds(
    context: Context,
    shipped: Sequence[Shipped],
    windows: Windows,
    final: Sequence[litert.Converted],
    scratch: Path,
) -> None:
    """Each variant of each fold's model, on that fold's unseen people, against what was scored."""
    requests, jobs, models = [], [], []
    for model, converted in zip(shipped, final, strict=True):
        for job in model.folds:
            assert job.folder is not None
            target = scratch / "folds" / model.name / str(job.fold)
            target.mkdir(parents=True)
            train = np.flatnonzero(np.isin(windows.subjects, job.about()["train"]))
            requests.append(
                litert.Request(
                    job.folder / "model.keras",
                    target,
                    tuple(converted.files),
                    representative=_some(windows, train, N_REPRESENTATIVE),
                )
            )
            jobs.append(job)
            models.append(model)
    context.console.print(f"  holding them to Keras on unseen people, {len(requests)} folds")
    results = litert.convert(requests, jobs=context.jobs)
    items, places = [], []
    for n, (job, found) in enumerate(zip(jobs, results, strict=True)):
        litert.required(found)
        index = job.predictions()["test_index"]
        for variant, path in found.files.items():
            items.append((path, context.outputs["prepare"].path, index))
            places.append((n, variant))
    answers: dict[tuple[int, str], np.ndarray] = {}
    for i, outcome in fanout.run(_answers, items, jobs=context.jobs):
        if isinstance(outcome, fanout.Failed):
            n, variant = places[i]
            raise ExportError(
                f"The {variant} file of {models[n].name}, fold {jobs[n].fold}, cannot be run: "
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
                model.withheld[variant] = f"of fold {jobs[n].fold}'s model: {why}"
                del converted.files[variant]
                continue
            predictions = [jobs[n].predictions() for n in mine]
            compared = parity.compare(
                np.concatenate([p["test_probabilities"] for p in predictions]),
                np.concatenate([answers[n, variant] for n in mine]),
                windows.labels[np.concatenate([p["test_index"] for p in predictions])],
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
        found = job.predictions()
        index = found["test_index"]
        recordings = raw_parity.pick(
            ingested.iterate(context.outputs["ingest"].path), windows.recordings[index]
        )
        a, b = raw_parity.check(
            path,
            recordings,
            windows,
            index,
            found["test_probabilities"],
            max_gap_s=context.pipeline.signal.max_gap_s,
        )
        phone.append(a)
        keras.append(b)
        count += len(recordings)
        irregular += sum(r.time_s is not None for r in recordings)
    return raw_parity.gate(phone, keras, count, irregular)


def _answers(item: tuple[Path, Path, np.ndarray], _report: Any) -> np.ndarray:
    path, folder, index = item
    windows, model = prepared.load(folder), LiteModel(path)
    parts = [model(windows.gather(index[a : a + 1024])) for a in range(0, len(index), 1024)]
    return np.concatenate(parts) if parts else np.empty((0, model.n_classes), np.float32)


def _known(context: Context, windows: Windows) -> np.ndarray:
    """Windows of the people who are in the comparison."""
    return np.flatnonzero(~np.isin(windows.subjects, context.pipeline.split.exclude))


def _some(windows: Windows, index: np.ndarray, n: int) -> np.ndarray:
    """At most n windows, drawn with a fixed seed."""
    if len(index) > n:
        index = np.sort(np.random.default_rng(0).choice(index, n, replace=False))
    return windows.gather(index)


def _write(
    context: Context,
    model: Shipped,
    converted: litert.Converted,
    windows: Windows,
    results: dict[str, Any],
    folder: Path,
) -> dict[str, Any]:
    figures = {}
    for variant, path in converted.files.items():
        p = model.parities[variant]
        figures[variant] = {
            "operators": LiteModel(path).operators,
            **measure(path),
            "n_windows": p.n_windows,
            "max_abs_diff": p.max_abs_diff,
            "mean_abs_diff": p.mean_abs_diff,
            "label_agreement": p.label_agreement,
            "macro_f1": p.macro_f1,
        }
    known = _known(context, windows)
    index = known[bundle.choose_golden(windows.labels[known])]
    assert converted.keras is not None
    return bundle.write(
        folder / model.name,
        {
            **manifest.describe(
                context, model.config, model.trained_on, model.withheld, windows, results
            ),
            **_sureness(context, model, windows),
            "raw_parity": model.raw_parity,
        },
        converted.files,
        figures,
        {
            "windows": windows.gather(index),
            "probabilities": converted.keras[: len(index)],
            "labels": windows.labels[index],
        },
        stream=model.stream,
    )


def _sureness(context: Context, model: Shipped, windows: Windows) -> dict[str, Any]:
    """How far the probabilities can be believed: `calibration` and `abstention`."""
    out: dict[str, Any] = {}
    if context.pipeline.training.calibration == "temperature":
        of = "the median over the folds of" if model.trained_on["fit"] == "final" else "of"
        out["calibration"] = {
            "temperature": model.temperature,
            "folded": True,
            "how": f"{of} the temperature with the least log loss on a fold's validation people",
        }
    chosen = abstention.choose(
        windows,
        [
            (p["validation_index"], p["validation_probabilities"])
            for p in (job.predictions() for job in model.folds)
        ],
        n_windows=manifest.SMOOTHED_WINDOWS,
    )
    return out | ({"abstention": chosen} if chosen else {})


def entries(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A model's `export` part of `results.json`: each variant's figures, or why it is withheld."""
    keep = ("bytes", "max_abs_diff", "label_agreement", "macro_f1")
    timed = ("latency_ms_p50", "latency_ms_p99")
    out: dict[str, dict[str, Any]] = {
        variant: {key: entry[key] for key in (*keep, *timed)}
        for variant, entry in manifest["variants"].items()
    }
    left = {v: r for v, r in manifest["withheld"].items() if v in litert.VARIANTS.values()}
    return out | {v: {"withheld": reason} for v, reason in left.items()}
