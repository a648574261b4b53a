import ast
import dataclasses
import json
import subprocess
import sys
from typing import get_args

import click
import numpy as np
import pytest
from click.testing import CliRunner

import har
from har import session
from har.cli import questions, summary
from har.cli.app import main
from har.cli.options import TIME_UNITS
from har.own_recordings import TimeUnit
from har.pipeline import Step
from har.session import Run
from har.stages import Stage
from har.store import Output
from tests.conftest import ROOT
from tests.evaluation import workspace as finished


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands(main))


@pytest.mark.parametrize("path", [p for p, _ in ALL], ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    result = CliRunner().invoke(main, [*path, "-h"])
    assert result.exit_code == 0
    if not isinstance(dict(ALL)[path], click.Group):
        assert "Example" in result.output
        assert f"har {' '.join(path)}" in result.output


def test_version():
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"har, version {har.__version__}\n"


def test_time_units_on_the_command_line_are_those_of_a_pipeline_file():
    assert get_args(TimeUnit) == TIME_UNITS


def test_help_imports_nothing_but_click():
    code = (
        "import sys\nbefore = set(sys.modules)\nfrom har.cli.app import main\n"
        "try: main(['-h'])\nexcept SystemExit: pass\n"
        "print({m.partition('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(out.stdout.splitlines()[-1]) == {"click", "har"}


def test_only_the_command_line_prints():
    for path in (ROOT / "har").rglob("*.py"):
        if path.parent == ROOT / "har" / "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert "click" not in [name.name for name in node.names], path
            elif isinstance(node, ast.ImportFrom):
                assert node.module != "click", path
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path}:{node.lineno}"


def test_python_m_har_is_har():
    out = subprocess.run(
        [sys.executable, "-m", "har", "--version"], capture_output=True, text=True, check=True
    )
    assert out.stdout.startswith("har, version")


def test_a_wrong_command_names_the_nearest():
    result = CliRunner().invoke(main, ["rnu"])
    assert result.exit_code == 2
    assert "No such command 'rnu', did you mean 'run'?" in result.output


def test_an_expected_failure_is_a_message_and_exit_1(workspace):
    result = CliRunner().invoke(main, ["run", "wacth"])
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: No pipeline named 'wacth', did you mean 'watch'? Known: "
        + ", ".join(har_pipelines())
        + "; or give the path of a .yaml file.\n"
    )
    assert result.stdout == ""


def har_pipelines():
    from har.pipeline_file import pipeline_names

    return pipeline_names()


def test_a_wrong_stage_names_the_right_ones(workspace):
    result = CliRunner().invoke(main, ["run", "watch", "--until", "deploy"])
    assert result.exit_code == 1
    assert "Stages: ingest, prepare, train, compare, export, report." in result.stderr


def test_models_prints_the_registry_exactly():
    result = CliRunner().invoke(main, ["models"])
    lines = result.output.splitlines()
    assert lines[0] == "model          parameters  when to use it"
    below = 5 * 20 * (1 + 3 * 20) + 4 * 2 * 20
    by_hand = below + 4 * 64 * (3 * 20 + 64 + 1) + (64 + 1) * 6
    assert lines[1].startswith(f"lstm               {by_hand:,}  The reference recurrent net")
    doi = "doi:10.1162/089976600300015015"  # its paper
    assert any(line.endswith(doi) for line in lines[2:7])
    assert lines[-2].startswith("Parameters for windows of 128 samples and 6 activities")


def test_a_models_card_shows_what_can_be_set():
    from har.models import registry
    from har.models.ranges import MEANING

    result = CliRunner().invoke(main, ["models", "lstm"])
    assert result.exit_code == 0, result.output
    assert "units       64         size of the recurrent state" in result.output
    assert "tried: last, mean, max, mean_max, attention" in result.output
    assert max(map(len, result.output.splitlines()[2:])) <= 80
    result = CliRunner().invoke(main, ["models", "lsmt"])
    assert result.exit_code == 1
    assert "did you mean 'lstm'?" in result.stderr
    assert {p for n in registry.names() for p in registry.get(n).defaults} <= set(MEANING)


def test_a_dry_run_says_what_would_run_and_does_nothing(workspace):
    result = CliRunner().invoke(main, ["run", "watch", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "ingest: would run (nothing stored yet)",
        *(
            f"{stage}: would run (a stage before it would run)"
            for stage in ("prepare", "train", "compare", "export", "report")
        ),
    ]
    assert not (workspace / "reports").exists()


# What stages and runs say -----------------------------------------------------------------------


def output(folder, name, value, **meta):
    (folder / name).write_text(json.dumps(value))
    return Output("prepare", "k", folder, meta)


def test_prepare_says_how_many_windows_and_why_others_are_not(tmp_path):
    about = {
        "n_samples": 128, "rate_hz": 50, "activities": ["sit", "walk"],
        "rejected": {"mixed labels": 3}, "aligned": {},
    }  # fmt: skip
    made = output(tmp_path, "prepared.json", about, windows=40, subjects=5)
    assert summary.prepare(made) == (
        "40 windows of 128 samples (2.56 s at 50 Hz), 2 activities, 5 subjects; rejected:\n"
        "3 mixed labels"
    )
    about["aligned"] = {"a": 30, "b": 0, "c": 12}
    made = output(tmp_path, "prepared.json", about, windows=40, subjects=5)
    assert summary.prepare(made).startswith(
        "2 of 3 recordings aligned with gravity (not aligned for lack of walking: b); 40\nwindows"
    )


def test_train_says_how_many_failed(tmp_path):
    assert (
        summary.train(Output("train", "k", tmp_path, {"jobs": 6, "failed": []})) == "6 jobs trained"
    )
    assert summary.train(Output("train", "k", tmp_path, {"jobs": 6, "failed": ["a"]})) == (
        "6 jobs trained, 1 of them failed"
    )


def test_activities_are_a_table_with_who_lacks_them(tmp_path):
    s = {
        "activities": {
            "walk": {"minutes": 10.04, "subjects": 3},
            "run": {"minutes": 2.5, "subjects": 1, "absent": ["1", "2"]},
        },
        "unlabelled_minutes": 3.0,
    }
    assert summary._activities(s) == [
        "  activity    minutes  subjects",
        "  walk           10.0         3",
        "  run             2.5         1  (not: 1, 2)",
        "  (no label)      3.0",
    ]


def step(name, state, output):
    return Step(Stage(name, "", (), (), lambda *_: None), state, "", 0.0, output)


def test_a_run_closes_with_what_it_is_for(tmp_path):
    context = finished.run(finished.context(tmp_path, {"cnn": 0.9}))
    steps = [step(name, "up to date", found) for name, found in context.outputs.items()]
    table, where = summary.closing(Run(context, steps))
    assert table.startswith("Ship cnn: ")
    assert where == f"Report: {tmp_path}/reports/made/index.html"
    # --until compare: the scores, before there is a report
    before = {name: found for name, found in context.outputs.items() if name != "report"}
    compared = dataclasses.replace(context, outputs=before)
    assert summary.closing(Run(compared, steps[:-1])) == [table]


def test_a_stage_that_is_up_to_date_is_shown_when_it_is_the_last(tmp_path):
    trained = Output("train", "k", tmp_path, {"jobs": 6, "failed": []})
    context = finished.context(tmp_path, {"cnn": 0.9})
    context = dataclasses.replace(context, outputs={"train": trained})
    for state, said in (("up to date", ["6 jobs trained"]), ("ran", [])):
        assert summary.closing(Run(context, [step("train", state, trained)])) == said


def test_a_studys_answer_has_lines_of_a_terminals_width():
    from har.studies.answer import Outcome

    outcome = Outcome(
        study="length", pipeline="made", title="", says=["word " * 40], head=("length", "F1"),
        rows=[("1 s", "0.500"), ("10 s", "0.75")], protocol="equal " * 40, data={}, draw=str,
    )  # fmt: skip
    lines = questions.describe(outcome).splitlines()
    assert max(map(len, lines)) <= 100
    assert [line for line in lines if line.endswith(("F1", "0.500", "0.75"))] == [
        "length     F1", "1 s     0.500", "10 s     0.75",
    ]  # fmt: skip


def test_every_value_to_fill_in_is_listed_and_nothing_else(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("dataset: {files: FILL_IN, placement: FILL_IN}\nsplit: {folds: FILL_IN}\n")
    result = CliRunner().invoke(main, ["run", str(file)])
    assert result.exit_code == 1
    keys = ["dataset.files", "dataset.placement", "split.folds"]
    assert result.output.splitlines()[1:] == [f"  {key}" for key in keys]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("models=[lsmt]", "no model 'lsmt', did you mean 'lstm'?"),
        ("split.folds=99", "99 folds need as many people, and watch has 10"),
        ("placement=hat", "hat"),
    ],
)
def test_what_could_only_fail_later_is_refused_before_anything_runs(tmp_path, override, said):
    result = CliRunner().invoke(
        main, ["--workspace", str(tmp_path), "run", "watch", "--set", override]
    )
    assert result.exit_code == 1
    assert said in result.output
    assert not list(tmp_path.iterdir())


def test_folds_of_own_recordings_are_checked_once_the_people_are_known(tmp_path):
    time_s = np.arange(1000) / 50
    for subject in "ab":
        for activity, rate in (("walk", 2.0), ("jog", 3.0)):
            file = tmp_path / "my" / subject / f"{activity}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            z = 9.81 + np.sin(2 * np.pi * rate * time_s)
            rows = np.column_stack([time_s, 0.1 * z, 0.2 * z, z])
            np.savetxt(file, rows, delimiter=",", header="time_s,x,y,z", comments="", fmt="%.4f")
    (tmp_path / "mine.yaml").write_text(
        "dataset: {path: my, pattern: '{subject}/{activity}.csv', unit: m/s2, gravity: present, "
        "convention: android, placement: wrist}\nmodels: [extra_trees]\nsplit: {folds: 5}\n"
    )
    arguments = ["--workspace", str(tmp_path), "run", str(tmp_path / "mine.yaml")]
    result = CliRunner().invoke(main, [*arguments, "--until", "prepare"])
    assert result.exit_code == 1, result.output
    assert "split.folds: 5 folds need as many people, and own has 2." in result.output
    assert "prepare" not in result.output
    fewer = CliRunner().invoke(main, [*arguments, "--until", "prepare", "--set", "split.folds=2"])
    assert fewer.exit_code == 0, fewer.output


@pytest.mark.parametrize("arguments", [["models"], ["pipelines"], ["data", "list"]])
def test_lists_fit_a_terminal_of_80_columns(arguments):
    lines = CliRunner().invoke(main, arguments).output.splitlines()
    assert lines
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []


def test_ctrl_c_says_how_to_go_on_and_exits_with_130(tmp_path, monkeypatch):
    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("har.session.run", interrupted)
    result = CliRunner().invoke(main, ["--workspace", str(tmp_path), "run", "watch"])
    assert result.exit_code == 130
    assert "the same command continues" in result.output


def test_pipelines_are_listed_with_what_they_are_about():
    rows = json.loads(CliRunner().invoke(main, ["pipelines", "--json"]).output)
    assert "physiotherapy" in {r["name"]: r["about"] for r in rows}["watch"]


def test_a_comparison_of_what_no_phone_runs_leaves_the_export_out(tmp_path, monkeypatch):
    asked = []

    def ran(context, **which):
        asked.append(set(which["without"]) if "without" in which else set())
        return context

    monkeypatch.setattr("har.pipeline.run", ran)
    monkeypatch.setattr("har.session._track", lambda _context: None)
    only = ("models=[extra_trees]",)
    session.run(tmp_path, "watch", overrides=only)
    session.run(tmp_path, "watch", overrides=only, must_export=True)
    session.run(tmp_path, "watch", overrides=("models=[cnn]",))
    assert asked == [{"export"}, set(), set()]
