"""From trained folds to a bundle: the final fit, its conversion, the proof on people not seen."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har.config import ModelConfig
from har.errors import ExportError
from har.evaluation.results import Results, Variant, Withheld
from har.export import abstention, convert, description, proof, writer
from har.export.ensemble import Fold
from har.export.measure import measure
from har.runtime.interpreter import LiteModel
from har.signal import window_files
from har.signal.windows import Windows
from har.stages import Context
from har.training.job_files import MODEL, JobRecord, Trained, read_about


def choose(context: Context, results: Results) -> list[ModelConfig]:
    """The models that `export.models` means.

    Raises
    ------
    ExportError
        If there is none, or one that is asked for by name cannot be exported.
    """
    wanted = context.pipeline.export.models
    by_key = {m.key: m for m in context.pipeline.models}
    able = [k for k, m in results.models.items() if m.exportable and m.macro_f1]
    if wanted == "best":
        keys = [results.selected] if results.selected else []
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
    best = [epoch for j in folds if (epoch := read_about(j.path).best_epoch) is not None]
    return max(1, int(np.floor(np.median(best) + 0.5)))


def median_temperature(jobs: Sequence[JobRecord]) -> float:
    """The median of the temperatures that the folds' validation people gave."""
    return float(np.median([read_about(j.path).temperature for j in jobs]))


def fit(context: Context, trained: Trained, configs: Sequence[ModelConfig]) -> list[proof.Shipped]:
    """The models that ship: refitted on all people, or one fold's as they are."""
    export, seeds = context.pipeline.export, context.pipeline.training.seeds
    shipping = seeds if export.seeds == "all" else seeds[:1]
    jobs = {(c.key, s): _folds(trained, c.key, s) for c in configs for s in shipping}
    folds = {
        c.key: [Fold(members) for members in zip(*(jobs[c.key, s] for s in shipping), strict=True)]
        for c in configs
    }
    if export.fit == "fold":
        return [_one_fold(c, folds[c.key]) for c in configs]
    return _on_everybody(context, trained, configs, shipping, jobs, folds)


def _folds(trained: Trained, model: str, seed: int) -> list[JobRecord]:
    """A seed's jobs in order of folds, all of them finished."""
    jobs = sorted(
        (j for j in trained.jobs if j.model == model and j.seed == seed), key=lambda j: j.fold
    )
    if broken := [j for j in jobs if j.folder is None]:
        raise ExportError(
            f"{model} has folds without a result ({broken[0].reason}): its variants "
            "cannot be measured on all people. Run `har train` again."
        )
    return jobs


def _on_everybody(
    context: Context,
    trained: Trained,
    configs: Sequence[ModelConfig],
    seeds: Sequence[int],
    jobs: Mapping[tuple[str, int], list[JobRecord]],
    folds: Mapping[str, list[Fold]],
) -> list[proof.Shipped]:
    from har.training.run import run_tasks
    from har.training.tasks import TaskMaker

    members: list[tuple[ModelConfig, dict[str, Any]]] = [
        (
            config,
            {
                "seed": seed,
                "epochs": median_epochs(jobs[config.key, seed]),
                "temperature": median_temperature(jobs[config.key, seed]),
            },
        )
        for config in configs
        for seed in seeds
    ]
    prepared, exclude = context.outputs["prepare"], context.pipeline.split.exclude
    windows = window_files.load(prepared.path)
    maker = TaskMaker(prepared, context.store, context.pipeline.training)
    tasks = [maker.final(config, windows, exclude=exclude, **member) for config, member in members]
    files: dict[str, list[Path]] = {}
    for (config, _), job in zip(members, run_tasks(tasks, context.crew), strict=True):
        if job.folder is None:
            raise ExportError(f"The final fit of {config.key} failed: {job.reason}")
        files.setdefault(config.key, []).append(job.folder / MODEL)
    subjects = sorted({s for f in trained.folds for part in f.values() for s in part})
    return [
        _shipped(
            config,
            files[config.key],
            {"fit": "final", "subjects": subjects},
            [member for c, member in members if c is config],
            folds[config.key],
        )
        for config in configs
    ]


def _one_fold(config: ModelConfig, folds: list[Fold]) -> proof.Shipped:
    """The first fold's: to pick the one with the best score would be choosing on test people."""
    first = folds[0]
    about = [read_about(j.path) for j in first.members]
    members = [
        {"seed": j.seed, "epochs": a.best_epoch, "temperature": a.temperature}
        for j, a in zip(first.members, about, strict=True)
    ]
    on = {"fit": "fold", "fold": first.number, "subjects": first.train}
    return _shipped(config, first.files, on, members, folds)


def _shipped(
    config: ModelConfig,
    files: Sequence[Path],
    on: dict[str, Any],
    members: list[dict[str, Any]],
    folds: list[Fold],
) -> proof.Shipped:
    if len(members) == 1:
        on |= {"epochs": members[0]["epochs"], "seed": members[0]["seed"]}
    else:
        on |= {"epochs": None, "seed": None, "members": members}
    return proof.Shipped(config, tuple(files), on, members, folds)


def build(
    context: Context, shipped: Sequence[proof.Shipped], results: Results, folder: Path
) -> dict[str, dict[str, Any]]:
    """Convert, prove and write a bundle for each model into `folder/<model>`.

    Returns
    -------
    dict
        By model: its `model.json`.
    """
    windows = window_files.load(context.outputs["prepare"].path)
    variants = tuple(convert.VARIANTS[q] for q in context.pipeline.export.quantization)
    variants = (*variants, convert.STREAM)
    with tempfile.TemporaryDirectory(prefix="har-export-") as scratch:
        final = proof.convert_final(context, shipped, windows, variants, Path(scratch))
        proof.measure_on_folds(context, shipped, windows, final, Path(scratch))
        out = {}
        for model, converted in zip(shipped, final, strict=True):
            out[model.name] = _write(context, model, converted, windows, results, folder)
    return out


def _write(
    context: Context,
    model: proof.Shipped,
    converted: convert.Converted,
    windows: Windows,
    results: Results,
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
    known = proof.known(context, windows)
    index = known[writer.choose_golden(windows.labels[known])]
    assert converted.keras is not None
    return writer.write(
        folder / model.name,
        {
            **description.describe(
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


def _sureness(context: Context, model: proof.Shipped, windows: Windows) -> dict[str, Any]:
    """How far the probabilities can be believed: `calibration` and `abstention`."""
    out: dict[str, Any] = {}
    if context.pipeline.training.calibration == "temperature":
        of = "the median over the folds of" if model.trained_on["fit"] == "final" else "of"
        how = f"{of} the temperature with the least log loss on a fold's validation people"
        if len(model.members) > 1:
            how += "; here the median of the members', each of which has its own"
        out["calibration"] = {
            "temperature": float(np.median([m["temperature"] for m in model.members])),
            "folded": True,
            "how": how,
        }
    chosen = abstention.choose(
        windows,
        [fold.predictions().of("validation") for fold in model.folds],
        n_windows=description.SMOOTHED_WINDOWS,
    )
    return out | ({"abstention": chosen} if chosen else {})


def entries(manifest: Mapping[str, Any]) -> dict[str, Variant | Withheld]:
    """A model's `export` part of the results: each variant's figures, or why it is withheld."""
    out: dict[str, Variant | Withheld] = {
        variant: Variant(**{name: entry[name] for name in Variant.model_fields})
        for variant, entry in manifest["variants"].items()
    }
    left = {v: r for v, r in manifest["withheld"].items() if v in convert.VARIANTS.values()}
    return out | {v: Withheld(withheld=reason) for v, reason in left.items()}
