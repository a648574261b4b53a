"""What the README and the documentation say: commands, values, links and messages."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import yaml

import har
from har import pipeline_file
from har.cli.app import main
from har.config import Pipeline
from har.ingest import formats
from har.models.spec import ModelSpec
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```\{?([\w-]*)[^\n]*\n(.*?)^```$", re.S | re.M)


def fenced(page: Path, *kinds: str) -> list[str]:
    return [text for kind, text in FENCED.findall(page.read_text("utf-8")) if kind in kinds]


def commands(page: Path) -> Iterator[str]:
    """`har …` after a prompt, and in a line of text where it is more than a name."""
    for block in fenced(page, "console", "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("$ har ", "$ .venv/bin/har ")):
                yield line.removeprefix("$ ").removeprefix(".venv/bin/")
    prose = FENCED.sub("", page.read_text("utf-8"))
    yield from (text for text in re.findall(r"`(har [a-z][^`]*)`", prose) if "…" not in text)


ALL = [(page, text) for page in PAGES for text in commands(page)]


class Anything(click.Path):
    """A path that need not be there."""

    def convert(self, value, _param, _ctx):
        return Path(value)


def parsed(command: click.Command, words: list[str], parent: click.Context | None) -> click.Context:
    """The context of the innermost command, its options and arguments parsed."""
    changed = [p for p in command.params if isinstance(p.type, click.Path)]
    with pytest.MonkeyPatch.context() as patch:
        for param in changed:
            patch.setattr(param, "type", Anything())
        ctx = command.make_context(command.name, list(words), parent=parent)
    if isinstance(command, click.Group):
        _, inner, rest = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        return parsed(inner, rest, ctx)
    return ctx


@pytest.mark.parametrize(("page", "text"), ALL, ids=[f"{p.stem}: {t}" for p, t in ALL])
def test_every_command_is_one(page: Path, text: str) -> None:
    words = shlex.split(text, comments=True)[1:]
    if has_name_only(words):
        return
    try:
        ctx = parsed(main, words, None)
    except click.exceptions.Exit:
        return  # -h
    for override in ctx.params.get("overrides") or ():
        assert pipeline_file.load("watch", [override])


def has_name_only(words: list[str]) -> bool:
    """Of a command that a sentence names, whose arguments it leaves out."""
    at: click.Command = main
    for word in words:
        if not isinstance(at, click.Group) or word not in at.commands:
            return False
        at = at.commands[word]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_target_of_make_is_one(page: Path) -> None:
    (known,) = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    said = re.findall(r"(?:^\$ |`)make ([^`\n#]*)", page.read_text("utf-8"), re.M)
    targets = {word for words in said for word in words.split() if "=" not in word}
    assert targets <= set(known.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_value_of_a_pipeline_file_is_one(page: Path) -> None:
    watch = yaml.safe_load((ROOT / "pipelines/watch.yaml").read_text("utf-8"))
    for block in fenced(page, "yaml"):
        values = yaml.safe_load(block)
        assert set(values) <= set(Pipeline.model_fields), block
        pipeline_file.parse({"name": "page", **watch, **values})


def test_the_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", text)
    assert links
    for link in (a or b for a, b in links):
        assert link.startswith("https://") or (ROOT / link).is_file(), link


def test_quoted_messages_are_said() -> None:
    """Each in the sources, where a name may stand in it; those of other programs are listed."""
    elsewhere = ("Select TensorFlow", "'tf.Tensor", "Didn't find op", "Cannot set tensor",
                 "No matching distribution", "Could not find cuda")  # fmt: skip
    said = " ".join(
        "".join(str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant))
        for path in (ROOT / "har").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.Constant, ast.JoinedStr))
    )
    text = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    quoted = [
        t for line in re.findall(r"^### (.*)", text, re.M) for t in re.findall("`(.+?)`", line)
    ]
    ours = [message for message in quoted if not message.startswith(elsewhere)]
    assert len(quoted) == len(ours) + len(elsewhere)
    assert [message for message in ours if message not in said] == []


@pytest.mark.tensorflow
def test_the_example_of_a_model_is_one(keras) -> None:
    model_code, _ = fenced(ROOT / "docs/extend.md", "python")
    names: dict[str, object] = {"__name__": "small_cnn"}
    exec(compile(model_code, "docs/extend.md", "exec"), names)
    spec = names["SPEC"]
    assert isinstance(spec, ModelSpec)
    built = spec.build((128, 3), 5, taps=[1.0], params={"filters": 32})
    trained = sum(int(np.prod(w.shape)) for w in built.trainable_weights)
    assert trained == spec.n_parameters(128, 5, {"filters": 32})
    assert built(np.zeros((2, 128, 3), np.float32)).shape == (2, 5)


def test_the_example_of_a_format_is_one(workspace, monkeypatch) -> None:
    _, format_code = fenced(ROOT / "docs/extend.md", "python")
    names: dict[str, object] = {}
    exec(compile(format_code, "docs/extend.md", "exec"), names)
    known = formats.known()
    monkeypatch.setattr(formats, "known", lambda: (names["FORMAT"], *known))
    rows = [f"{20 * i},{i % 7},{-i % 5},{1000 + i % 3}" for i in range(500)]
    header = "uptime_ms,acc_x_mg,acc_y_mg,acc_z_mg"
    Path("walk.csv").write_text("\n".join([header, *rows]) + "\n")
    (recording,) = har.read("walk.csv", subject="ann")
    assert recording.n_samples == 500
    assert recording.rate_hz == pytest.approx(50)
    z = recording.to_frame()["z"].to_numpy()
    np.testing.assert_allclose(z, (1000 + np.arange(500) % 3) * 9.80665e-3, rtol=1e-5)


def test_the_practice_files_are_read_as_the_page_shows(workspace) -> None:
    page = ROOT / "docs/own-recordings.md"
    text = page.read_text("utf-8")
    (practice,) = fenced(page, "python")
    exec(compile(practice, page.name, "exec"), {})
    found = har.check("my")
    drafted = found.pipeline(path="my")
    assert drafted.count("FILL_IN") == 4  # and in the first line, which says so
    completed = next(b for b in fenced(page, "yaml") if "convention" in b)
    own = yaml.safe_load(completed)["dataset"]
    recordings = har.read(**own)
    assert len(recordings) == 140
    assert f"{len(recordings)} recordings, {sum(r.n_samples for r in recordings):,} samples" in text
    assert f"{len(recordings.subjects)} subjects, {len(recordings.activities)} activities" in text
    for line in (f"{f.severity:<8} {f.code}" for f in found.findings.itertuples()):
        assert line in text
