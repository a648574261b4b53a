import ast
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import har
from har.cli.app import main


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


def test_help_imports_nothing_but_click():
    code = (
        "import sys\nbefore = set(sys.modules)\nfrom har.cli.app import main\n"
        "try: main(['-h'])\nexcept SystemExit: pass\n"
        "print({m.partition('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(out.stdout.splitlines()[-1]) == {"click", "har"}


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
    from har.config import pipeline_names

    return pipeline_names()


def test_a_wrong_stage_names_the_right_ones(workspace):
    result = CliRunner().invoke(main, ["run", "watch", "--until", "deploy"])
    assert result.exit_code == 1
    assert "Stages: ingest, prepare, train, compare, export, report." in result.stderr


def test_models_prints_the_registry_exactly():
    result = CliRunner().invoke(main, ["models"])
    lines = result.output.splitlines()
    assert lines[0] == "model          parameters  when to use it"
    by_hand = 4 * 64 * (3 * 4 + 64 + 1) + (64 + 1) * 6
    assert lines[1].startswith(f"lstm               {by_hand:,}  The reference recurrent net")
    assert lines[2].endswith("doi:10.1162/089976600300015015")  # its paper
    assert lines[-1].startswith("Parameters for windows of 128 samples and 6 activities")


def test_every_model_has_its_paper_its_parameters_and_its_when_to_use():
    from har.models.listing import rows

    for row in rows():
        assert "doi:" in row["paper"] or "arXiv:" in row["paper"], row
        assert 20 < len(row["summary"]) <= 80, row
        assert row["parameters"] or row["name"] == "extra_trees"


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
