"""`har study`: questions on what is stored, and on how sure we are of it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from har.cli import options, output, questions
from har.cli.group import Group
from har.workspace import Workspace


@click.group(cls=Group)
def study() -> None:
    """Measure how reliable results, readers and models are.

    \b
    Example:
      har study doctor --out reports/doctor.md
    """


@study.command("doctor")
@click.option(
    "--per-set",
    type=click.IntRange(1),
    default=25,
    show_default=True,
    help="Recordings drawn from each data set.",
)
@options.out("Write Markdown here.")
@click.pass_obj
def study_doctor(workspace: Workspace, per_set: int, out: Path | None) -> None:
    """Insert defects into real recordings and count how many `har data check` finds.

    Uses the data sets in data/raw, or in HAR_DATA_MIRROR.

    \b
    Example:
      har study doctor --per-set 25 --out reports/doctor.md
    """
    from rich.progress import Progress

    from har.studies import detection

    raw = Path(os.environ.get("HAR_DATA_MIRROR") or workspace.raw)
    recordings = list(detection.sample(raw, per_set))
    with Progress(console=output.stderr(), transient=True) as progress:
        task = progress.add_task("defects", total=None)
        rows = detection.run(
            recordings, on_progress=lambda n, of: progress.update(task, completed=n, total=of)
        )
    command = f"har study doctor --per-set {per_set}"
    output.write_or_echo(detection.as_markdown(rows, recordings, command), out)


@study.command("account")
@click.argument("paths", nargs=-1, required=True)
@options.out("Write Markdown here.")
@click.pass_obj
def study_account(workspace: Workspace, paths: tuple[str, ...], out: Path | None) -> None:
    """List what became of every sample of data sets, folders and files: kept, or why rejected.

    PATHS are names of data sets, or paths.

    \b
    Example:
      har study account watch my/recordings --out reports/account.md
    """
    from har.studies import account

    with output.stderr().status("reading"):
        reports = account.gather(list(paths), workspace.root)
    names = " ".join(Path(p).name for p in paths)
    output.write_or_echo(account.as_markdown(reports, f"har study account {names}"), out)


@study.command("unlike")
@options.pipeline
@options.jobs
@options.as_json
@options.out("Write Markdown here.")
@click.pass_obj
def study_unlike(
    workspace: Workspace, pipeline: str, jobs: int | None, as_json: bool, out: Path | None
) -> None:
    """Insert defects into recordings of held-out people; count how many `har predict` notices.

    Nothing is trained. Recordings of at least a minute that contain walking are used.

    \b
    Example:
      har study unlike motionsense
    """
    from har import pipeline_file, session
    from har.studies import unlike

    of = pipeline_file.load(pipeline)
    rows = unlike.run(of, workspace=workspace, crew=session.crew(jobs))
    if as_json:
        output.echo_json(rows)
    else:
        output.write_or_echo(unlike.as_markdown(rows, of.name, f"har study unlike {pipeline}"), out)


@study.command("page")
@options.pipeline
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write into (default: reports/ of the workspace).",
)
@click.option("--command", help="Command that made the results, if it was not `har run PIPELINE`.")
@click.pass_obj
def study_page(workspace: Workspace, pipeline: str, out: Path | None, command: str | None) -> None:
    """Write a page to commit from a finished run: Markdown, figures, results.

    The section `What it means` is written by hand and kept when the page is made again.

    \b
    Example:
      har study page motionsense --out reports
    """
    from har.evaluation.results import Results
    from har.report import markdown

    results = Results.published(workspace.reports, pipeline)
    for path in markdown.write(out or workspace.reports, results, command=command):
        click.echo(path)


@study.command("phone")
@options.pipeline
@options.out(
    "Markdown page; only its section on models is rewritten.",
    default=Path("reports/phone.md"),
    show_default=True,
)
@click.option("--command", help="Command that made the bundles, if it was not `har run PIPELINE`.")
@click.pass_obj
def study_phone(workspace: Workspace, pipeline: str, out: Path, command: str | None) -> None:
    """Write a page on the size, time and accuracy of each exported model and variant.

    \b
    Example:
      har run watch --set export.models=all
      har study phone watch --out reports/phone.md
    """
    from har.report import phone_page

    folder = workspace.reports / pipeline
    for path in phone_page.write(folder, out, command=command or f"har run {pipeline}"):
        click.echo(path)


for question in questions.COMMANDS:
    study.add_command(question)
