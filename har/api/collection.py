"""`har.read`, `har.from_frame`, `har.load_dataset`: recordings in memory, as a run reads them."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from har.errors import ConfigError
from har.ingest.raw import SEVERITIES, Finding
from har.own_recordings import Table
from har.recording import Recording
from har.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


class Recordings(Sequence[Recording]):
    """Recordings, and what was found in them.

    A sequence of `Recording`; a slice of it is a list.

    Parameters
    ----------
    recordings : sequence of Recording
    findings : sequence of Finding
        Of all of them, whatever was done about each.
    """

    def __init__(self, recordings: Sequence[Recording], findings: Sequence[Finding] = ()) -> None:
        self._recordings, self._findings = list(recordings), list(findings)

    @overload
    def __getitem__(self, index: int) -> Recording: ...
    @overload
    def __getitem__(self, index: slice) -> list[Recording]: ...
    def __getitem__(self, index: int | slice) -> Recording | list[Recording]:
        return self._recordings[index]

    def __len__(self) -> int:
        return len(self._recordings)

    def __iter__(self) -> Iterator[Recording]:
        return iter(self._recordings)

    @property
    def subjects(self) -> list[str]:
        """Who is recorded, sorted."""
        return sorted({r.subject for r in self})

    @property
    def activities(self) -> dict[str, float]:
        """Seconds of each labelled activity, the longest first."""
        seconds: Counter[str] = Counter()
        for r in self:
            for note in r.annotations:
                seconds[note.label] += round((note.end - note.start) / r.rate_hz)
        return dict(seconds.most_common())

    @property
    def findings(self) -> pd.DataFrame:
        """A row for each: severity, code, message, where, action, count. The worst come first."""
        return findings_frame(self._findings)

    def to_frame(self) -> pd.DataFrame:
        """All samples: recording, subject, time (s), x, y, z (m/s²), activity."""
        import pandas as pd

        frames = [r.to_frame().assign(recording=r.id, subject=r.subject) for r in self]
        order = ["recording", "subject", "time", "x", "y", "z", "activity"]
        return pd.concat(frames, ignore_index=True)[order]

    def __repr__(self) -> str:
        hours = sum(r.length_s for r in self) / 3600
        people, n = len(self.subjects), len(self.activities)
        return (
            f"<Recordings: {len(self)} of {people} {'person' if people == 1 else 'people'}, "
            f"{hours:.3g} h, {n} {'activity' if n == 1 else 'activities'}, "
            f"{len(self._findings)} findings>"
        )


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Findings as a table, the worst first."""
    import pandas as pd

    columns = ["severity", "code", "message", "where", "action", "count"]
    rows = sorted((f.as_dict() for f in findings), key=lambda f: SEVERITIES.index(f["severity"]))
    return pd.DataFrame(rows, columns=columns)


def read(path: str | os.PathLike[str], **said: Any) -> Recordings:
    """Read a file, an archive or a folder as a run would.

    Parameters
    ----------
    path : str or Path
        Any format that `har data check` knows; `*` and `**` as in a shell.
    **said
        What the files do not tell, under the keys of a pipeline file's `dataset` section: `unit`
        ('m/s2', 'g', 'mg'), `convention` ('android', 'ios'), `gravity` ('present', 'removed'),
        `rate_hz`, `time_unit`, `columns`, `subject`, `activity`, `pattern`, `sidecar`, `labels`,
        `placement`.

    Returns
    -------
    Recordings
        m/s², in Android's sign.

    Raises
    ------
    ConfigError
        For a key that the section does not have.
    DataError
        If there is nothing that can be read, or something must be said first.

    Examples
    --------
    >>> import har
    >>> walk = har.load_dataset("watch")[0].to_frame()
    >>> walk.to_csv("walk.csv", index=False)
    >>> recordings = har.read("walk.csv", unit="m/s2", convention="android", subject="ann")
    >>> recordings.subjects, recordings.activities
    (['ann'], {'pendulum': 27})
    """
    from har.ingest import reading

    of = table(os.path.abspath(path), said)
    return Recordings(*reading.gather(of, workspace=Workspace(Path.cwd())))


def table(path: str, said: dict[str, Any]) -> Table:
    """The `dataset` section of a pipeline file that would say this.

    Raises
    ------
    ConfigError
        As for a pipeline file.
    """
    from har import pipeline_file

    section = {"path": path, **said}
    whole = {"name": "own", "dataset": section, "models": ["cnn"]}
    found = pipeline_file.parse(whole, where="har").dataset
    assert isinstance(found, Table)
    return found


def from_frame(frame: pd.DataFrame, *, subject: str = "someone", **said: Any) -> Recordings:
    """Recordings from a DataFrame, by the same door as a file.

    Parameters
    ----------
    frame : DataFrame
        Columns of time and acceleration under any of the names that a file may have (`time`, `x`,
        `y`, `z`), or named by `columns`; a label column is read, too.
    subject : str
        Whose they are, unless a column says so.
    **said
        As of `har.read`.

    Returns
    -------
    Recordings
        One, or several where the clock restarts or the person changes.

    Examples
    --------
    >>> import har, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal([0, 0, 9.8], 0.1, (500, 3)), columns=["x", "y", "z"])
    >>> frame["time"], frame["activity"] = np.arange(500) / 50, "standing"
    >>> (recording,) = har.from_frame(frame, unit="m/s2", convention="android", subject="ann")
    >>> recording
    <Recording ann/frame/unknown: 10.0 s at 50 Hz, standing>
    """
    from har.ingest import reading

    if not hasattr(frame, "to_parquet"):
        raise ConfigError(f"from_frame takes a DataFrame, got {type(frame).__name__}.")
    if "columns" not in said or "subject" not in said["columns"]:
        said = {"subject": subject, **said}
    with tempfile.TemporaryDirectory() as folder:
        frame.to_parquet(Path(folder) / "frame.parquet", index=False)
        of = table("frame.parquet", said)
        return Recordings(*reading.gather(of, workspace=Workspace(Path(folder))))


def load_dataset(
    name: str, *, placement: str | None = None, workspace: str | os.PathLike[str] = "."
) -> Recordings:
    """A published data set, fetched into the workspace if it is not there.

    Parameters
    ----------
    name : str
        Name of the data set, as `har data list` shows it.
    placement : str, optional
        Placement of the sensor, for a set with several; one of them is the default.
    workspace : str or Path
        Folder whose `data/raw` has the downloaded files.

    Returns
    -------
    Recordings
        The recordings, with what was found in them.

    Raises
    ------
    ConfigError
        If the name or placement does not exist.
    DataError
        If it cannot be fetched, or is not what was published.

    Examples
    --------
    >>> import har
    >>> har.load_dataset("watch").subjects[:3]
    ['1', '10', '2']
    """
    from rich.console import Console

    from har.ingest import datasets, fetch, reading

    root = Workspace(Path(workspace).resolve())
    known = datasets.get(name)
    known.placement(placement)
    console = Console(stderr=True, quiet=known.builtin, force_jupyter=False)
    fetch.ensure(known, root.raw, console=console)
    return Recordings(*reading.gather(name, workspace=root, placement=placement))
