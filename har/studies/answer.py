"""What a study leaves: an answer, JSON for programs, a picture, Markdown to commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har.files import json_text, replace_file
from har.report import figures
from har.report.answers import pictures
from har.report.figures import LIGHT, Ink
from har.report.table import markdown


@dataclass(frozen=True)
class Outcome:
    """The answer to a study's question.

    study, pipeline, title : names and the question. says : the answer, in sentences. head, rows :
    the table; its first column is text. protocol : what was done, what was equal, and what must
    not be read from it. data : what `<study>.json` holds besides.
    """

    study: str
    pipeline: str
    title: str
    says: Sequence[str]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    protocol: str
    data: dict[str, Any]
    draw: Callable[[Ink], Any]

    def as_markdown(self, command: str, picture: str) -> str:
        """For a page of the repository, with the command that made it and its picture's place."""
        blocks = [
            f"# {self.title}",
            *self.says,
            f"```sh\n{command}\n```",
            markdown(self.head, self.rows),
            f"![{self.title}]({picture})",
            self.protocol,
        ]
        return "\n\n".join(blocks) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """What it found as JSON and as a picture, in the pipeline's folder of reports."""
        data = folder / f"{self.study}.json"
        replace_file(data, json_text(self.data).encode())
        for ink, name in pictures(self.study).items():
            replace_file(folder / name, figures.svg(self.draw(figures.INKS[ink])).encode())
        return [data, folder / pictures(self.study)["light"]]

    def write_page(self, page: Path, command: str) -> list[Path]:
        """A Markdown page, with its picture in `figures/` beside it."""
        picture = page.parent / "figures" / f"{self.pipeline}-{self.study}.png"
        replace_file(picture, figures.png(self.draw(LIGHT), ground="white", dpi=110))
        text = self.as_markdown(command, f"figures/{picture.name}")
        replace_file(page, text.encode())
        return [page, picture]
