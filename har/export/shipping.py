"""Which models ship, and their fits: refitted on everyone, or one fold's as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from har.config import ModelConfig, Training
from har.errors import ExportError
from har.evaluation.results import Results, Variant, Withheld
from har.export.ensemble import Fold
from har.fanout import Crew
from har.runtime.chain import Calibration
from har.runtime.manifest import STEP, Manifest, Member, TrainedOn
from har.signal.windows import Windows
from har.training.job_files import MODEL, Trained, read_about
from har.training.run import run_tasks
from har.training.tasks import TaskMaker
from har.training.workshop import as_long


@dataclass(frozen=True)
class Recipe:
    """A model of the comparison that is to ship, and its fold models of the seeds that ship."""

    config: ModelConfig
    folds: tuple[Fold, ...]

    def members(self, n_train: int, training: Training) -> tuple[Member, ...]:
        """The final fit of each seed, on so many windows: the medians of its folds, half an epoch
        rounded up."""
        out = []
        for jobs in zip(*(f.members for f in self.folds), strict=True):
            about = [read_about(j.path) for j in jobs]
            best = [as_long(a.best_epoch or 0, a.n_train, n_train, training) for a in about]
            temperature = np.median([a.temperature for a in about])
            out.append(
                Member(
                    seed=jobs[0].seed,
                    epochs=max(1, int(np.floor(np.median(best) + 0.5))),
                    temperature=float(temperature),
                )
            )
        return tuple(out)


@dataclass(frozen=True)
class Shipped:
    """A model to ship.

    Parameters
    ----------
    keras_files : tuple of Path
        Several are shipped as one, the mean of their probabilities.
    members : tuple of Member
        A fit for each file; its temperature is in its last layer already.
    folds : tuple of Fold
        The fold models of the same seeds, on which every variant is measured.
    """

    config: ModelConfig
    keras_files: tuple[Path, ...]
    members: tuple[Member, ...]
    trained_on: TrainedOn
    folds: tuple[Fold, ...]

    @property
    def name(self) -> str:
        return self.config.key


def choose(
    wanted: str | Sequence[str], models: Sequence[ModelConfig], results: Results
) -> list[ModelConfig]:
    """The models that `export.models` means.

    Parameters
    ----------
    wanted : str or sequence of str
        best, all, or names.
    models : sequence of ModelConfig
        Those of the comparison.

    Raises
    ------
    ExportError
        If there is none, or one that is asked for by name cannot be exported.
    """
    by_key = {m.key: m for m in models}
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


def recipe(config: ModelConfig, trained: Trained, seeds: Sequence[int]) -> Recipe:
    """A model with its folds.

    Raises
    ------
    ExportError
        If a fold has no result.
    """
    jobs = sorted((j for j in trained.jobs if j.model == config.key), key=lambda j: j.fold)
    by_seed = [[j for j in jobs if j.seed == seed] for seed in seeds]
    if broken := [j for mine in by_seed for j in mine if j.folder is None]:
        raise ExportError(
            f"{config.key} has folds without a result ({broken[0].reason}): its variants "
            "cannot be measured on all people. Run `har train` again."
        )
    return Recipe(config, tuple(Fold(members) for members in zip(*by_seed, strict=True)))


def refitted(
    recipes: Sequence[Recipe],
    subjects: Sequence[str],
    *,
    maker: TaskMaker,
    windows: Windows,
    exclude: Sequence[str],
    crew: Crew,
) -> list[Shipped]:
    """The recipes fitted on everyone.

    Parameters
    ----------
    subjects, exclude : sequence of str
        Everyone, and those who take no part.

    Raises
    ------
    ExportError
        If a fit fails.
    """
    n_train = int((~np.isin(windows.subjects, exclude)).sum())
    members = {r.config.key: r.members(n_train, maker.training) for r in recipes}
    fits = [(r, member) for r in recipes for member in members[r.config.key]]
    tasks = [
        maker.final(r.config, windows, exclude=exclude, **member.model_dump()) for r, member in fits
    ]
    files: dict[str, list[Path]] = {}
    for (r, _), job in zip(fits, run_tasks(tasks, crew), strict=True):
        if job.folder is None:
            raise ExportError(f"The final fit of {r.config.key} failed: {job.reason}")
        files.setdefault(r.config.key, []).append(job.path / MODEL)
    return [_shipped(r, files[r.config.key], members[r.config.key], subjects) for r in recipes]


def first_fold(recipe: Recipe) -> Shipped:
    """The first fold's models: to pick the fold with the best score would be choosing on test
    people."""
    first = recipe.folds[0]
    about = [read_about(j.path) for j in first.members]
    members = [
        Member(seed=a.seed, epochs=a.best_epoch or 0, temperature=a.temperature) for a in about
    ]
    return _shipped(recipe, first.files, members, first.train, fold=int(first.number))


def _shipped(
    recipe: Recipe,
    files: Sequence[Path],
    members: Sequence[Member],
    subjects: Sequence[str],
    fold: int | None = None,
) -> Shipped:
    several = len(members) > 1
    on = TrainedOn(
        fit="final" if fold is None else "fold",
        fold=fold,
        subjects=tuple(subjects),
        epochs=None if several else members[0].epochs,
        seed=None if several else members[0].seed,
        members=tuple(members) if several else None,
    )
    return Shipped(recipe.config, tuple(files), tuple(members), on, recipe.folds)


def calibration(model: Shipped) -> Calibration:
    """What is said of the temperatures in a model's last layers."""
    of = "the median over the folds of" if model.trained_on.fit == "final" else "of"
    how = f"{of} the temperature with the least log loss on a fold's validation people"
    if len(model.members) > 1:
        how += "; here the median of the members', each of which has its own"
    temperature = float(np.median([m.temperature for m in model.members]))
    return Calibration(temperature=temperature, folded=True, how=how)


def entries(manifest: Manifest) -> dict[str, Variant | Withheld]:
    """A model's `export` part of the results: each variant's figures, or why it is withheld."""
    out: dict[str, Variant | Withheld] = {
        variant: Variant(**{name: getattr(entry, name) for name in Variant.model_fields})
        for variant, entry in manifest.variants.items()
    }
    reasons = {v: reason for v, reason in manifest.withheld.items() if v != STEP}
    return out | {v: Withheld(withheld=reason) for v, reason in reasons.items()}
