"""`har data check`: examine files or a folder, and say what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from har.config import WindowsConfig
from har.errors import ConfigError, DataError, HarError
from har.ingest import datasets, discovery, intervals, label_files, resolution
from har.ingest.datasets.dataset import Dataset
from har.ingest.examine import timing
from har.ingest.examine.corpus import Corpus
from har.ingest.examine.treat import FALLBACK_RATE_HZ
from har.ingest.formats.format import Head, NotAcceleration
from har.ingest.raw import Finding, Raw, Source
from har.ingest.repair import NOTHING, Repaired, mixed_gravity, repair_source
from har.own_recordings import Table
from har.pipeline_file import load
from har.plural import counted

WINDOWS = WindowsConfig()
"""Into which recordings are cut if no pipeline file says otherwise."""

UNKNOWN = "unknown"
MIXED = "mixed"

SUPPOSED = {
    "unit": "m/s2", "convention": "android", "rate_hz": FALLBACK_RATE_HZ, "subject": "",
}  # fmt: skip
"""What is gone on with where nobody says it, to count what would be kept."""


@dataclass
class Checked:
    """One file (or a whole folder): what it is and what is wrong with it."""

    path: str
    format: str = UNKNOWN
    rate_hz: float | None = None
    unit: str = UNKNOWN
    gravity: str = UNKNOWN
    convention: str = UNKNOWN
    findings: list[Finding] = field(default_factory=list)
    recordings: int = 0
    samples_in: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        rate = f"{self.rate_hz:.4g} Hz" if self.rate_hz else "rate unknown"
        return (
            f"{self.path}: {self.format}, {rate}, {self.unit}, gravity {self.gravity}, "
            f"sign {self.convention}"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "format": self.format,
            "rate_hz": None if self.rate_hz is None else round(self.rate_hz, 3),
            "unit": self.unit,
            "gravity": self.gravity if self.gravity != MIXED else UNKNOWN,
            "convention": self.convention,
            "recordings": self.recordings,
            "samples": {
                "in": self.samples_in,
                "kept": self.kept,
                "rejected": dict(sorted(self.rejected.items())),
            },
            "findings": [f.as_dict() for f in self.findings],
        }


@dataclass
class Report:
    """The whole of what was examined, and each file of it."""

    whole: Checked
    files: list[Checked]
    not_used: list[tuple[str, str]]
    table: Table | None  # None for a published data set
    subjects: set[str]
    activities: dict[str, set[str]]
    head: Head | None = None
    """The beginning of a plain table, read or not, with the header that most of them have."""
    several_kinds: bool = False
    """Whether files differ in format or in their columns."""
    window_s: float = 0.0
    """A length of windows that suits the bouts."""
    labels: str = ""
    """`dataset.labels.path` for files of labelled intervals that nothing was said of."""

    def errors(self, *, strict: bool = False) -> int:
        bad = {"error", "warning"} if strict else {"error"}
        return sum(f.severity in bad for f in self.findings())

    def findings(self) -> Iterator[Finding]:
        yield from self.whole.findings

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.whole.as_dict(),
            "files": [f.as_dict() for f in self.files],
            "not_used": [{"file": f, "reason": r} for f, r in self.not_used],
        }


def check(
    path: Path, *, root: Path, placement: str | None = None, dataset: Dataset | None = None,
    said: Mapping[str, Any] = NOTHING,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Report:  # fmt: skip
    """Examine a file, a folder, a published data set's folder, or a pipeline file's data.

    Parameters
    ----------
    path : Path
    root : Path
        The workspace; a pipeline file's paths start from it.
    placement : str, optional
        Of a published data set with several.
    dataset : Dataset, optional
        What lies at `path`, if it is known.
    said : mapping
        Fields of a `Table`, in place of what a pipeline file says.
    on_progress : callable
        `(files done, files in all)`.

    Raises
    ------
    HarError
        If there is nothing at `path` that can be examined.
    """

    def published(known: Dataset, folder: Path, *more: Any) -> Report:
        if said:
            raise ConfigError(f"{known.name} is read as it was published: omit {', '.join(said)}.")
        return _published(known, folder, *more)

    if dataset is not None:
        return published(dataset, path, placement, dataset.name, on_progress)
    if path.suffix in {".yaml", ".yml"}:
        pipeline = load(path)
        if isinstance(pipeline.dataset, Table):
            table = pipeline.dataset.model_copy(update=dict(said))
            return _own(table, root, path.as_posix(), on_progress, pipeline.windows)
        known = datasets.get(pipeline.dataset)
        return published(known, known.folder(root / "data" / "raw"), pipeline.placement,
                         path.as_posix(), on_progress, pipeline.windows)  # fmt: skip
    if not path.exists():
        raise ConfigError(f"There is nothing at {path}.")
    if found := published_at(path):
        return published(*found, placement, path.as_posix(), on_progress)
    return _own(Table(path=str(path.resolve()), **said), root, path.as_posix(), on_progress)


def published_at(path: Path) -> tuple[Dataset, Path] | None:
    """The published data set whose files lie in a folder (or whose file this is)."""
    for name in datasets.names():
        dataset = datasets.get(name)
        folder = path if path.is_dir() else path.parent
        named = path.is_dir() or any(f.name == path.name for f in dataset.files)
        if (
            named
            and dataset.files
            and not dataset.builtin
            and all((folder / f.name).is_file() for f in dataset.files)
        ):
            return dataset, folder
    return None


def _published(
    dataset: Dataset, folder: Path, placement: str | None, shown: str,
    on_progress: Callable[[int, int], None], windows: WindowsConfig = WINDOWS,
) -> Report:  # fmt: skip
    sources = dataset.sources(folder, dataset.placement(placement))
    read = _reading(sources, dataset.read, lambda _s: dataset.name, lambda s: s.name, on_progress)
    report = _report(shown, read, [], [], None, windows)
    if missing := dataset.missing(sources):
        message = f"Missing from this copy: {', '.join(missing)}."
        report.whole.findings.append(Finding("missing", "info", "none", message, dataset.name))
    return report


def _own(
    table: Table, root: Path, shown: str, on_progress: Callable[[int, int], None],
    windows: WindowsConfig = WINDOWS,
) -> Report:  # fmt: skip
    found = discovery.find(table, root)
    resolved = resolution.resolve(table, found.sources)
    used = []

    def read_one(source: Source) -> Iterator[Raw]:
        for raw in resolved.read(source):
            used.extend([raw.provenance["labels"]] if "labels" in raw.provenance else [])
            yield raw

    read = _reading(
        found.sources, read_one, lambda s: s.extra["format"], lambda s: s.extra["shown"],
        on_progress,
    )  # fmt: skip
    report = _report(shown, read, found.rejected, found.not_used, table, windows)
    if table.labels:
        files = [s.extra["labels"] for s in found.sources]
        report.whole.findings += intervals.left_over(files, table.labels, used)
    elif found.intervals:
        report.labels = label_files.suggest(found.intervals, found.sources)
        message = (
            f"Labelled intervals in {counted(len(found.intervals), 'file')}, such as "
            f"{found.intervals[0].name}. To read them: --labels '{report.labels}', or in a "
            "pipeline file dataset.labels."
        )
        report.whole.findings.append(Finding("labels", "warning", "none", message, shown))
    report.head = found.commonest
    formats = {s.extra["format"] for s in found.sources}
    report.several_kinds = len(formats) > 1 or len(found.headers) > 1
    return report


Read = Iterator[tuple[str, str, "list[Raw] | HarError"]]


def _reading(
    sources: list[Source], read: Callable[[Source], Iterable[Raw]],
    form: Callable[[Source], str], shown: Callable[[Source], str],
    on_progress: Callable[[int, int], None],
) -> Read:  # fmt: skip
    for number, source in enumerate(sources):
        outcome: list[Raw] | HarError
        try:
            outcome = list(read(source))
        except DataError as e:
            outcome = e
        on_progress(number + 1, len(sources))
        yield shown(source), form(source), outcome


def _report(
    shown: str, read: Read, rejected: list[tuple[str, str]], not_used: list[tuple[str, str]],
    table: Table | None, windows: WindowsConfig,
) -> Report:  # fmt: skip
    files: list[Checked] = []
    corpus = Corpus(windows)
    for name, reason in rejected:
        finding = Finding("unreadable-file", "warning", "rejected", reason, name)
        files.append(Checked(name, findings=[finding]))
    for name, form, outcome in read:
        checked = Checked(name, form)
        if isinstance(outcome, HarError):
            severity: Any = "warning" if isinstance(outcome, NotAcceleration) else "error"
            finding = Finding("unreadable-file", severity, "rejected", str(outcome), name)
            checked.findings.append(finding)
            files.append(checked)
            continue
        for repaired in repair_source(outcome, SUPPOSED):
            _examine(repaired, checked, corpus)
        files.append(checked)
    whole = _together(shown, files)
    whole.findings += corpus.findings()
    if not any(f.recordings for f in files):
        message = "No recording could be read."
        whole.findings.insert(0, Finding("nothing", "error", "none", message, shown))
    elif not corpus.people:
        message = "No activities are named: the recordings can be predicted on, but not trained on."
        whole.findings.append(Finding("no-labels", "info", "none", message, shown))
    subjects = corpus.subjects - {""}
    return Report(whole, files, not_used, table, subjects, corpus.people, window_s=corpus.window_s)


def _examine(repaired: Repaired, checked: Checked, corpus: Corpus) -> None:
    raw, account = repaired.raw, repaired.account
    rate = timing.rate_hz(raw)
    _merge(checked, "unit", raw.unit)
    _merge(checked, "gravity", raw.gravity)
    _merge(checked, "convention", raw.convention)
    if rate is not None and checked.rate_hz is None:
        checked.rate_hz = rate
    corpus.subjects.add(raw.subject)
    checked.findings += account.findings
    checked.recordings += len(repaired.recordings)
    checked.samples_in += account.samples_in
    checked.kept += account.kept
    checked.rejected.update(account.rejected)
    for r in repaired.recordings:
        corpus.add(r, raw.source if r.session == raw.session else f"{raw.source}~")


def _merge(checked: Checked, name: str, value: str | None) -> None:
    before = getattr(checked, name)
    now = value or UNKNOWN
    if before in (UNKNOWN, now) and not (before == UNKNOWN and checked.recordings):
        setattr(checked, name, now)
    elif before != now:
        setattr(checked, name, MIXED if UNKNOWN not in (before, now) else UNKNOWN)


def _together(shown: str, files: list[Checked]) -> Checked:
    read = [f for f in files if f.recordings or f.samples_in]

    def common(name: str) -> Any:
        values = {getattr(f, name) for f in read}
        return values.pop() if len(values) == 1 else (MIXED if values else UNKNOWN)

    rates = sorted(f.rate_hz for f in read if f.rate_hz)
    whole = Checked(
        shown,
        common("format"),
        rates[len(rates) // 2] if rates else None,
        common("unit"),
        common("gravity"),
        common("convention"),
        recordings=sum(f.recordings for f in files),
        samples_in=sum(f.samples_in for f in files),
        kept=sum(f.kept for f in files),
    )
    for f in files:
        whole.rejected.update(f.rejected)
        whole.findings += f.findings
    if whole.gravity == MIXED:
        whole.findings.append(mixed_gravity(shown))
    return whole
