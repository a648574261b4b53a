"""`har.check`: what `har data check` finds, as an object."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har.api.collection import findings_frame, table
from har.errors import DataError
from har.ingest import check as checking
from har.plural import counted

if TYPE_CHECKING:
    import pandas as pd


class Examination:
    """What was found in a file, a folder or an archive.

    Parameters
    ----------
    report : Report
        As `har.ingest.check` makes it.
    """

    def __init__(self, report: checking.Report) -> None:
        self.report = report

    @property
    def findings(self) -> pd.DataFrame:
        """A row for each: severity, code, message, where, action, count. The worst come first."""
        return findings_frame(list(self.report.findings()))

    @property
    def files(self) -> pd.DataFrame:
        """A row for each file: format, rate, unit, gravity, sign, samples in and kept."""
        import pandas as pd

        columns = ["path", "format", "rate_hz", "unit", "gravity", "convention", "recordings",
                   "samples_in", "kept"]  # fmt: skip
        rows = [{name: getattr(f, name) for name in columns} for f in self.report.files]
        return pd.DataFrame(rows, columns=columns)

    @property
    def ok(self) -> bool:
        """Whether nothing has to be settled before the recordings are used."""
        return not self.report.errors()

    def raise_for_errors(self) -> None:
        """Refuse what has errors.

        Raises
        ------
        DataError
            With each of them.
        """
        errors = [f for f in self.report.findings() if f.severity == "error"]
        if errors:
            lines = [f"  {f.code}: {f.where}: {f.message}" for f in errors]
            raise DataError("\n".join([f"{self.report.whole.path} has errors:", *lines]))

    def pipeline(self, path: str | os.PathLike[str] | None = None) -> str:
        """The text of a pipeline file for these recordings; what only you know says `FILL_IN`.

        Parameters
        ----------
        path : str or Path, optional
            Of the recordings, as the file is to have it.
        """
        from har.ingest import draft

        return draft.pipeline(self.report, path=str(path or self.report.whole.path))

    def __repr__(self) -> str:
        whole, errors = self.report.whole, self.report.errors()
        return (
            f"<Examination: {whole.title}; {counted(whole.recordings, 'recording')}, "
            f"{whole.kept} of {whole.samples_in} samples kept, {counted(errors, 'error')}>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.findings.to_html(index=False)}"


def check(path: str | os.PathLike[str], **said: Any) -> Examination:
    """Examine recordings and say what is wrong with them, as `har data check`.

    Parameters
    ----------
    path : str or Path
        A file, a folder, an archive, or a pipeline file.
    **said
        What the files do not tell, as of `har.read`.

    Returns
    -------
    Examination

    Examples
    --------
    >>> import har
    >>> exercise = har.load_dataset("watch")[0].to_frame()
    >>> exercise[["x", "y", "z"]] /= 9.80665
    >>> exercise.to_csv("exercise.csv", index=False)
    >>> found = har.check("exercise.csv")
    >>> found.files.loc[0, ["unit", "gravity"]].tolist()
    ['g', 'present']
    >>> har.check("exercise.csv", subject="ann", convention="android").raise_for_errors()
    """
    valid = table(os.fspath(path), said)
    said = {name: getattr(valid, name) for name in said}
    return Examination(checking.check(Path(path), root=Path.cwd(), said=said))
