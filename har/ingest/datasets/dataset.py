"""What the project knows of a published data set, and how it is read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from har.errors import ConfigError, DataError, did_you_mean
from har.ingest import content, repair, text
from har.ingest.raw import Raw, Source
from har.recording import Recording

UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"
"""Where the archive of the University of California, Irvine has its files."""


@dataclass(frozen=True)
class PublishedFile:
    """A file of a data set, under the name that its publisher gives it.

    Parameters
    ----------
    name : str
    url : str
        Empty if it comes with a package or behind a form.
    checksum : str or None
        `sha256:…` or `md5:…`, from the publisher or a cited, maintained project. None is unknown:
        the hash of the first download is then recorded and held to.
    """

    name: str
    url: str = ""
    checksum: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A published data set.

    Parameters
    ----------
    name, title, page, licence, citation : str
    subjects : int
    rate_hz : float
        As published.
    placements : tuple of str
        The first one is used where a pipeline names none.
    files : tuple of PublishedFile
    sources : callable
        `(folder, placement) -> list of Source`: what is there, in a fixed order.
    read : callable
        `(source) -> iterable of Raw`.
    convention : str
        `android` or `ios`, as published.
    note : str
        What a user should know before trusting it.
    proven_on : str
        `published files`, or `files written by the tests in the published layout`.
    builtin : bool
        Whether its files travel in this package.
    missing : callable, optional
        `(folder, placement) -> list of str`: parts that the publication has and this copy has not.
    """

    name: str
    title: str
    page: str
    licence: str
    citation: str
    subjects: int
    rate_hz: float
    placements: tuple[str, ...]
    files: tuple[PublishedFile, ...]
    sources: Callable[[Path, str], list[Source]]
    read: Callable[[Source], Iterable[Raw]]
    convention: str = "android"
    note: str = ""
    proven_on: str = "files written by the tests in the published layout"
    builtin: bool = False
    missing: Callable[[list[Source]], list[str]] = lambda _sources: []

    def placement(self, wanted: str | None) -> str:
        """The placement that a pipeline asks for, or the first.

        Raises
        ------
        ConfigError
            If the set has no such placement.
        """
        if wanted is None:
            return self.placements[0]
        if wanted not in self.placements:
            raise ConfigError(
                f"Data set {self.name} has no placement {wanted!r}"
                f"{did_you_mean(wanted, self.placements)} It has: {', '.join(self.placements)}."
            )
        return wanted

    def folder(self, raw: Path) -> Path:
        """Where its files are: `data/raw/<name>`, or inside this package."""
        return builtin_folder() if self.builtin else raw / self.name

    def paths(self, raw: Path) -> list[Path]:
        return [self.folder(raw) / f.name for f in self.files]

    def at_hand(self, raw: Path) -> bool:
        return all(p.is_file() for p in self.paths(raw))

    def recordings(self, folder: Path, placement: str | None = None) -> Iterator[Recording]:
        """Every recording in a folder, examined and cleaned; for notebooks and tests."""
        for source in self.sources(folder, self.placement(placement)):
            yield from repair.recordings(self.read(source))


def builtin_folder() -> Path:
    """The recordings that travel in the package: inside it in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[2]
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data" / "builtin"


def need(path: Path, dataset: str) -> Path:
    """The path, if it is a file."""
    if not path.is_file():
        raise DataError(f"{path} is not there. Get it: har data fetch {dataset}.")
    return path


def members(
    path: Path, pattern: re.Pattern[str], placement: str, *, by: tuple[str, ...] = ()
) -> list[Source]:
    """Members of an archive whose names a pattern matches; what its groups say is in `extra`.

    Parameters
    ----------
    path : Path
    pattern : Pattern
        Groups of digits become numbers.
    placement : str
    by : tuple of str
        Groups by which they are sorted; otherwise by their names.
    """
    found = []
    for member in content.members(path):
        if match := pattern.fullmatch(member):
            said = {k: int(v) if v.isdigit() else v for k, v in match.groupdict("").items()}
            found.append(Source(path, member, placement, said))
    return sorted(found, key=lambda s: [s.extra[name] for name in by])


def columns(
    source: Source, axes: Sequence[str], types: Mapping[str, str] = MappingProxyType({}),
    data: bytes | None = None, **layout: Any,
) -> tuple[np.ndarray, dict[str, Any], dict[str, int]]:  # fmt: skip
    """Acceleration in a published table, its other columns, and the rows left out by reason.

    Parameters
    ----------
    source : Source
    axes : sequence of str
        The columns of x, y and z.
    types : mapping
        The other columns that are wanted, and their types; an empty one is found out.
    data : bytes, optional
        The table, where it is not what the source holds.
    **layout
        As of `har.ingest.text.read_columns`.
    """
    wanted = {**dict.fromkeys(axes, "float64"), **types}
    table, skipped = text.read_columns(
        content.read_bytes(source) if data is None else data, include=list(wanted),
        types={name: kind for name, kind in wanted.items() if kind},
        **{"where": source.name, **layout},
    )  # fmt: skip
    acceleration = np.column_stack([table[a] for a in axes])
    return acceleration, table, {"malformed line": skipped} if skipped else {}


def matlab(source: Source, *names: str) -> list[np.ndarray]:
    """Arrays of a MATLAB file by their names."""
    from scipy.io import loadmat

    try:
        found = loadmat(io.BytesIO(content.read_bytes(source)))
        return [np.asarray(found[name]) for name in names]
    except (ValueError, KeyError, NotImplementedError, TypeError) as e:
        raise DataError(f"{source.name} is not the published MATLAB file ({e}).") from e
