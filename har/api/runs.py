"""`har.run`: a pipeline run from Python, and what it came to as tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.api.bundles import Bundle
from har.errors import ConfigError, StoreError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from har import session
    from har.evaluation.results import ModelScores, Results


class Run:
    """What a run came to.

    Parameters
    ----------
    finished : har.session.Run
    """

    def __init__(self, finished: session.Run) -> None:
        self._finished = finished
        self.folder = finished.folder

    @cached_property
    def results(self) -> Results:
        """`results.json` as a type.

        Raises
        ------
        StoreError
            If the run was not asked to come as far as its report.
        """
        from har.evaluation.results import Results

        if "report" not in self._finished.outputs:
            steps = ", ".join(self._finished.outputs) or "nothing"
            raise StoreError(f"The run was ended before its report: {steps}. Run without `until`.")
        return Results.published(self.folder.parent, self.folder.name)

    @property
    def scores(self) -> pd.DataFrame:
        """A row for each model, the best first.

        Columns: macro-F1 on held-out people with its 95 % interval, accuracy, macro-F1 on
        validation people, parameters, seconds of training.
        """
        import pandas as pd

        rows = {name: dict(_scores(m)) for name, m in self.results.models.items()}
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
        return table.sort_values("macro_f1", ascending=False)

    @property
    def comparisons(self) -> pd.DataFrame:
        """The selected model (a) against each other one (b), paired by person."""
        import pandas as pd

        return pd.DataFrame([c.as_json() for c in self.results.comparisons])

    @property
    def windows(self) -> pd.DataFrame:
        """A row for each model, seed and held-out window: what was done, what the model said."""
        import pandas as pd

        self.results  # noqa: B018 (says so if there are none)
        return pd.read_parquet(self.folder / "windows.parquet")

    def confusion(self, model: str | None = None) -> pd.DataFrame:
        """Counts summed over seeds; rows are true activities.

        Parameters
        ----------
        model : str, optional
            The selected one if left out.
        """
        import pandas as pd

        results = self.results
        model = model or results.selected
        if model not in results.models:
            known = list(results.models)
            raise ConfigError(
                f"No model {model!r} in this run{did_you_mean(str(model), known)} "
                f"Models: {', '.join(known)}."
            )
        names = list(results.activities)
        counts = results.models[model].confusion
        return pd.DataFrame(counts, index=pd.Index(names, name="true"),
                            columns=pd.Index(names, name="predicted"))  # fmt: skip

    @property
    def selected(self) -> str | None:
        """The exportable model that validation people choose."""
        return self.results.selected

    @property
    def bundle(self) -> Bundle:
        """Of the selected model.

        Raises
        ------
        BundleError
            If none was exported.
        """
        return Bundle.open(self.folder / "bundle" / str(self.selected))

    @property
    def report(self) -> Path:
        """The page to look at."""
        return self.folder / "index.html"

    def __repr__(self) -> str:
        if "report" not in self._finished.outputs:
            return f"<Run {self.folder.name}: {', '.join(self._finished.outputs) or 'nothing'}>"
        best = self.scores.iloc[0]
        return (
            f"<Run {self.folder.name}: {len(self.scores)} models; {best.name} has macro-F1 "
            f"{best['macro_f1']:.3f} on held-out people; selected: {self.selected}>"
        )


def _scores(m: ModelScores) -> Iterator[tuple[str, Any]]:
    low, high = m.macro_f1_ci95 or (None, None)
    yield from {
        "macro_f1": m.macro_f1, "macro_f1_low": low, "macro_f1_high": high, "accuracy": m.accuracy,
        "validation_macro_f1": m.validation_macro_f1, "parameters": m.parameters,
        "train_seconds": m.train_seconds, "exportable": m.exportable,
    }.items()  # fmt: skip


def run(
    pipeline: str | os.PathLike[str],
    *,
    overrides: Mapping[str, Any] | None = None,
    workspace: str | os.PathLike[str] = ".",
    jobs: int | None = None,
    until: str | None = None,
    export: bool = True,
) -> Run:
    """Run a pipeline as `har run` does, with the same cache: what is finished is not done again.

    Parameters
    ----------
    pipeline : str or Path
        A name that `har pipelines` lists, or the path of a pipeline file.
    overrides : mapping, optional
        Values in place of the file's: `{"training.steps": 500, "models": ["cnn", "lstm"]}`.
    workspace : str or Path
        Where data, the cache and reports are.
    jobs : int, optional
        Processes at a time; one for each core if left out.
    until : str, optional
        The last stage: ingest, prepare, train, compare, export, report.
    export : bool
        Whether to export a bundle; without one the run is that of `har compare`.

    Returns
    -------
    Run

    Raises
    ------
    HarError
        As the command would say.

    Examples
    --------
    >>> import har
    >>> done = har.run("watch", overrides={"models": ["extra_trees"]}, until="prepare")
    >>> done
    <Run watch: ingest, prepare>
    """
    from har import session

    which: dict[str, Any] = {"without": () if export else ("export",)}
    if until is not None:
        which["until"] = until
    texts = tuple(
        f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in (overrides or {}).items()
    )
    finished = session.run(
        Path(workspace), os.fspath(pipeline), overrides=texts, jobs=jobs, **which
    )
    finished.require()
    return Run(finished)
