"""What studies found of a run, as sections of its report.

`har study NAME` leaves `<study>.json` and its picture, `<study>.light.svg` and `<study>.dark.svg`,
in the pipeline's folder of reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from har.evaluation.results import Results

STUDIES = ("length", "people", "personal", "robustness", "unknown")
"""Those of a finished run that have a section; `optimism` is a part of the results."""


class Said(BaseModel):
    """What a study's JSON holds for the report, beside its own numbers."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    study: str
    title: str
    says: list[str]
    head: list[str]
    rows: list[list[str]]
    protocol: str
    config_key: str
    data_fingerprint: str

    @property
    def question(self) -> str:
        """The title without the name of the pipeline."""
        _, _, asked = self.title.rpartition(": ")
        return asked[:1].upper() + asked[1:]


@dataclass(frozen=True)
class Answer:
    """A section: what was said, and its picture for light and dark screens, as addresses."""

    said: Said
    picture: dict[str, str]


def pictures(study: str) -> dict[str, str]:
    """The names of a study's pictures, by the ground that they are drawn for."""
    return {ink: f"{study}.{ink}.svg" for ink in ("light", "dark")}


def files(folder: Path) -> dict[str, Path]:
    """The files of the studies that were run, by name."""
    names = [name for study in STUDIES for name in (f"{study}.json", *pictures(study).values())]
    return {name: folder / name for name in names if (folder / name).is_file()}


def found(folder: Path, results: Results) -> tuple[list[Answer], list[str]]:
    """The answers that are of these results, and the studies whose answer is of others.

    Parameters
    ----------
    folder : Path
        `reports/<pipeline>`.
    """
    from har.report import figures

    answers, others = [], []
    for study, said in _read(folder):
        of = (results.config_key, results.data_fingerprint)
        if said is None or (said.config_key, said.data_fingerprint) != of:
            others.append(study)
            continue
        drawn = {ink: (folder / name).read_text() for ink, name in pictures(study).items()}
        answers.append(Answer(said, {ink: figures.address(svg) for ink, svg in drawn.items()}))
    return answers, others


def _read(folder: Path) -> Iterator[tuple[str, Said | None]]:
    """Each study that left all its files; None where another version wrote them."""
    there = files(folder)
    for study in STUDIES:
        if not {f"{study}.json", *pictures(study).values()} <= there.keys():
            continue
        try:
            yield study, Said.model_validate_json(there[f"{study}.json"].read_bytes())
        except ValidationError:
            yield study, None
