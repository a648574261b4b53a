"""The files that ship are the models that were scored: converted, run, and held to Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har import fanout
from har.config import Signal
from har.errors import ExportError
from har.evaluation import plane
from har.evaluation.plane import Plane
from har.evaluation.results import Cost, Withheld
from har.export import convert, cost, parity, raw_parity
from har.export.measure import measure
from har.export.shipping import Shipped
from har.fanout import Crew
from har.fanout.outcome import Work
from har.plural import counted
from har.runtime.interpreter import Answers, LiteModel
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

    `keras` are that model's answers for the golden windows, `withheld` the reasons of the
    files that are not there.
    """

    files: dict[str, Path]
    step: tuple[Path, ProvenStep] | None
    withheld: dict[str, str]
    keras: Answers


@dataclass(frozen=True)
class Proof(Final):
    """What may ship of a model, what it was measured to do, and why the rest may not."""

    figures: dict[str, Figures]
    raw_parity: RawParity
    plane: Plane


@dataclass
class Row:
    """One variant of one fold's model, on that fold's unseen people.

    Parameters
    ----------
    file : Path or None
        None if it cannot be converted, for the reason in `why_not`.
    index : ndarray of int64, shape (n,)
        The windows of the unseen people.
    keras : ndarray of float32, shape (n, k)
        What was scored.
    answers : ndarray of float32, shape (n, k), optional
        What the file says, once it was asked.
    plane : Plane, optional
        Some of these windows by their features, of a float32 file that was asked.
    """

    model: str
    fold: int | str
    variant: str
    file: Path | None
    why_not: str
    index: np.ndarray
    keras: np.ndarray
    answers: np.ndarray | None = None
    plane: Plane | None = None


@dataclass(frozen=True)
class Prover:
    """Converts models and holds every file to Keras.

    Parameters
    ----------
    variants : sequence of str
        What to convert to.
    known, golden : ndarray of int64
        Windows of the people who are in the comparison; those of them that go into the bundle.
    prepared, ingested : Path
        Where the windows and the recordings are stored.
    scratch : Path
        An empty folder, where the files are left; all of the crew see it.
    """

    windows: Windows
    variants: Sequence[str]
    known: np.ndarray
    golden: np.ndarray
    signal: Signal
    prepared: Path
    ingested: Path
    scratch: Path
    crew: Crew

    def prove(
        self, shipped: Sequence[Shipped], others: Mapping[str, tuple[Path, ...]]
    ) -> tuple[list[Proof], dict[str, Cost | Withheld]]:
        """What may ship of each model, and what each of the others costs.

        Parameters
        ----------
        others : mapping of tuple of Path
            See `har.export.cost.networks`.

        Raises
        ------
        ExportError
            If a float32 file is not the model that was scored.
        """
        self.crew.console.print(f"  converting {', '.join(m.name for m in shipped)}")
        finals = {m.name: self.alone(m) for m in shipped}
        rows, costs = self._on_folds(shipped, finals, others)
        proofs = [
            self._proof(name, final, [r for r in rows if r.model == name])
            for name, final in finals.items()
        ]
        return proofs, costs

    def alone(self, model: Shipped) -> Final:
        """The shipped files, each held to its own Keras model."""
        probe = np.concatenate([self.windows.gather(self.golden), self._some(self.known, N_PROBE)])
        folder = self.scratch / "final" / model.name
        folder.mkdir(parents=True)
        request = convert.Request(
            model.keras_files,
            folder,
            (*self.variants, STEP),
            representative=self._of_people(model.trained_on.subjects),
            probe=probe,
        )
        # Alone, in a process that has built nothing else: the same file every time.
        (made,) = convert.convert([request], self.crew)
        convert.required(made)
        assert made.keras is not None
        files, withheld, step = dict(made.files), dict(made.failed), None
        if path := files.pop(STEP, None):
            assert made.step is not None
            keras = made.keras.probabilities[:N_STEPPED]
            found = _stepped(path, made.step, probe[:N_STEPPED], keras)
            if isinstance(found, str):
                withheld[STEP] = found
            else:
                step = path, found
        for variant, path in made.files.items():
            if variant == STEP:
                continue
            answers, what = LiteModel(path).ask(probe), f"{model.name}, the exported file"
            compared = parity.compare(made.keras.probabilities, answers.probabilities)
            if variant == "float32":
                parity.gate_features(made.keras.features, answers.features, what=what)
            if reason := parity.gate(variant, compared, what=what):
                withheld[variant] = reason
                del files[variant]
        golden = Answers(*(part[: len(self.golden)] for part in made.keras))
        return Final(files, step, withheld, golden)

    def _on_folds(
        self,
        shipped: Sequence[Shipped],
        finals: dict[str, Final],
        others: Mapping[str, tuple[Path, ...]],
    ) -> tuple[list[Row], dict[str, Cost | Withheld]]:
        """Each variant of each fold's model, on that fold's unseen people; other models, which the
        same processes convert, are timed."""
        cases = [(model.name, fold) for model in shipped for fold in model.folds]
        requests = []
        for name, fold in cases:
            folder = self.scratch / "folds" / name / str(fold.number)
            folder.mkdir(parents=True)
            train = self._of_people(fold.train)
            variants = tuple(finals[name].files)
            requests.append(convert.Request(fold.files, folder, variants, representative=train))
        say = self.crew.console.print
        say(f"  comparing with Keras on held-out people, {counted(len(requests), 'fold')}")
        if others:
            say(f"  size and latency of {', '.join(others)}")
        requests += [cost.request(*of, self.scratch / "others") for of in others.items()]
        converted = convert.convert(requests, self.crew)
        rest = zip(others, converted[len(cases) :], strict=True)
        costs = {name: cost.measured(made) for name, made in rest}
        rows = []
        for (name, fold), made in zip(cases, converted[: len(cases)], strict=True):
            convert.required(made)
            index, keras = fold.predictions().of("test")
            for v in finals[name].files:
                why_not = made.failed.get(v, "not converted")
                rows.append(Row(name, fold.number, v, made.files.get(v), why_not, index, keras))
        asked = [r for r in rows if r.file]
        items = [(r.file, self.prepared, r.index, r.variant == "float32") for r in asked]
        for row, found in zip(asked, self._each(_answers, asked, items), strict=True):
            row.answers, row.plane = found
        return rows, costs

    def _each(self, ask: Work, rows: Sequence[Row], items: Sequence[Any]) -> list[Any]:
        """What a process of its own finds for each row."""

        def failed(i: int, outcome: fanout.Failed) -> ExportError:
            row = rows[i]
            return ExportError(
                f"The {row.variant} file of {row.model}, fold {row.fold}, cannot be checked "
                f"against Keras: {outcome.reason}"
            )

        return fanout.values(self.crew.run(ask, items, shared=self.scratch), failed)

    def _proof(self, name: str, final: Final, rows: Sequence[Row]) -> Proof:
        """What the rows of a model say of its files."""
        files, measured, withheld = {}, {}, dict(final.withheld)
        for variant, path in final.files.items():
            mine = [r for r in rows if r.variant == variant]
            if lacking := next((r for r in mine if r.answers is None), None):
                withheld[variant] = f"of fold {lacking.fold}'s model: {lacking.why_not}"
                continue
            compared = parity.compare(
                np.concatenate([r.keras for r in mine]),
                np.concatenate([r.answers for r in mine if r.answers is not None]),
                self.windows.labels[np.concatenate([r.index for r in mine])],
            )
            if reason := parity.gate(variant, compared, what=f"{name}, on held-out people"):
                withheld[variant] = reason
            else:
                files[variant], measured[variant] = path, figures(path, compared)
        exact = [r for r in rows if r.variant == "float32"]
        raw, drawn = self._from_raw_recordings(exact), exact[0].plane
        assert drawn is not None
        return Proof(files, final.step, withheld, final.keras, measured, raw, drawn)

    def _from_raw_recordings(self, rows: Sequence[Row]) -> RawParity:
        """Each fold's float32 file on recordings as ingested, resampled as a phone does."""
        items = [
            (r.file, self.prepared, self.ingested, r.index, r.keras, self.signal) for r in rows
        ]
        return raw_parity.gate(self._each(raw_parity.of_fold, rows, items))

    def _of_people(self, subjects: Sequence[str]) -> np.ndarray:
        """Windows of some people, from which int8 takes its ranges."""
        theirs = np.flatnonzero(np.isin(self.windows.subjects, list(subjects)))
        return self._some(theirs, N_REPRESENTATIVE)

    def _some(self, index: np.ndarray, n: int) -> np.ndarray:
        """At most n windows, drawn with a fixed seed."""
        if len(index) > n:
            index = np.sort(np.random.default_rng(0).choice(index, n, replace=False))
        return self.windows.gather(index)


def _stepped(path: Path, step: Step, windows: np.ndarray, keras: np.ndarray) -> ProvenStep | str:
    """Step by step must be the whole window; otherwise the reason why it is withheld."""
    stepper = Stepper(path, step)
    found = parity.compare(keras, np.stack([stepper.window(w) for w in windows]))
    return parity.why_not("float32", found) or ProvenStep(
        **step.model_dump(), n_windows=found.n_windows, max_abs_diff=found.max_abs_diff
    )


def _answers(
    item: tuple[Path, Path, np.ndarray, bool], _report: Any
) -> tuple[np.ndarray, Plane | None]:
    path, folder, index, drawn = item
    windows, model = window_files.load(folder), LiteModel(path)
    parts = [model(windows.gather(index[a : a + 1024])) for a in range(0, len(index), 1024)]
    answers = np.concatenate(parts) if parts else np.empty((0, model.n_classes), np.float32)
    if not drawn:
        return answers, None
    some = plane.some(len(index))
    places, explained = plane.components(model.ask(windows.gather(index[some])).features)
    return answers, Plane(index[some], answers[some], places, explained, len(index))


def figures(path: Path, compared: parity.Parity) -> Figures:
    """What is said of a variant: what it costs here, and how it compares with Keras."""
    found = {k: v for k, v in vars(compared).items() if k in Figures.model_fields}
    return Figures(operators=LiteModel(path).operators, **measure(path), **found)
