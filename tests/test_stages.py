"""The runner on stages of a line each: what runs, what is used, what is published."""

import io
import sys
import types

import pytest
from rich.console import Console

from har import pipeline
from har.errors import ConfigError
from har.pipeline_file import parse
from har.stages import Context, Stage
from har.store import Store
from har.workspace import Workspace

BROKEN = set()  # stages that fail


def stage(name, *, needs=(), uses=(), publish=()):
    """One that writes what it was given: `report(train export)`."""

    def run(context, writing):
        if name in BROKEN:
            raise ValueError(name)
        given = [n for n in (*needs, *uses) if n in context.outputs]
        read = [(context.outputs[n].path / "said.txt").read_text() for n in given]
        (writing.path / "said.txt").write_text(f"{name}({' '.join(read)})")
        if "export" in given or name == "export":
            (writing.path / f"{name}.png").write_bytes(b"drawn")
            (writing.path / "pictures").mkdir()
            (writing.path / "pictures" / "one.png").write_bytes(b"drawn")

    return Stage(name, name, needs, ("har.errors",), run, uses=uses, publish=publish)


@pytest.fixture
def open_context(tmp_path, monkeypatch):
    module = types.ModuleType("toy_stages")
    module.train = stage("train")
    module.export = stage("export", needs=("train",))
    module.report = stage(
        "report", needs=("train",), uses=("export",),
        publish=("said.txt", "report.png", "pictures"),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "toy_stages", module)
    names = ("train", "export", "report")
    monkeypatch.setattr(pipeline, "STAGES", tuple(("toy_stages", n) for n in names))
    workspace = Workspace(tmp_path)
    made = parse({"name": "toy", "dataset": "watch", "models": ["cnn"]})
    console = Console(file=io.StringIO())
    return lambda: Context(workspace, made, Store(workspace.cache), 1, console)


def states(context, **options):
    steps = []
    pipeline.run(context, on_step=steps.append, **options)
    return {s.stage.name: s.state for s in steps}


def said(context):
    return (context.workspace.reports / "toy" / "said.txt").read_text()


def test_what_a_stage_uses_is_used_only_if_it_is_there(open_context):
    without = {"without": ("export",)}
    assert states(open_context(), **without) == {"train": "ran", "report": "ran"}
    assert said(open_context()) == "report(train())"
    assert states(open_context()) == {"train": "up to date", "export": "ran", "report": "ran"}
    assert said(open_context()) == "report(train() export(train()))"
    # it is up to date now, and is used without being asked for
    assert states(open_context(), **without) == dict.fromkeys(
        ("train", "export", "report"), "up to date"
    )


def test_a_stage_that_is_left_out_does_not_run_if_it_is_stale(open_context):
    BROKEN.add("export")
    try:
        assert "export" not in states(open_context(), without=("export",))
        with pytest.raises(ValueError, match="export"):
            pipeline.run(open_context())
    finally:
        BROKEN.clear()


def test_until_stops_there_and_force_runs_what_is_named(open_context):
    assert list(states(open_context(), until="export")) == ["train", "export"]
    assert states(open_context(), force=("export",)) == {
        "train": "up to date", "export": "ran", "report": "ran",
    }  # fmt: skip
    # made anew, the same: nothing after it changes
    assert states(open_context(), force=("export",))["report"] == "up to date"
    with pytest.raises(ConfigError, match="Stages: train, export, report"):
        pipeline.run(open_context(), until="deploy")


def test_a_dry_run_says_what_would_run(open_context):
    assert set(states(open_context(), dry_run=True).values()) == {"would run"}
    assert list(states(open_context(), dry_run=True, without=("export",))) == ["train", "report"]
    assert not (open_context().workspace.root / "reports").exists()


def test_what_is_published_is_what_the_stage_holds(open_context):
    folder = open_context().workspace.reports / "toy"
    pipeline.run(open_context())
    files = {"said.txt", "report.png", "pictures/one.png"}
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == files
    before = {p: p.stat() for p in folder.rglob("*") if p.is_file()}
    (folder / "mine.txt").write_text("a person's own")
    pipeline.run(open_context())  # nothing changed: nothing is written
    for path, stat in before.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    (folder / "said.txt").write_text("tampered with")
    (folder / "report.png").unlink()
    (folder / "pictures" / "two.png").write_bytes(b"old")
    pipeline.run(open_context())
    assert said(open_context()) == "report(train() export(train()))"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        *files, "mine.txt",
    }  # fmt: skip
    # a report without an export has no pictures: those that were there are gone
    [key] = (p.name for p in (folder.parents[1] / "data/cache/export").iterdir())
    (folder.parents[1] / "data/cache/export" / key).rename(folder.parents[1] / "elsewhere")
    pipeline.run(open_context(), without=("export",))
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*")} == {"said.txt", "mine.txt"}
