"""`har run`, and a command for each stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from har.cli import options, output, summary

if TYPE_CHECKING:
    from har.pipeline import Step

run_options = options.together(
    options.pipeline,
    options.overrides(),
    options.jobs,
    options.dask,
    click.option(
        "--force",
        is_flag=True,
        help="Run the named stage (the last one for `har run`) even if it is up to date.",
    ),
    click.option("--dry-run", is_flag=True, help="Print what would run and why, and run nothing."),
)


@click.command()
@run_options
@click.option("--until", metavar="STAGE", default="report", help="Stop after this stage.")
@click.pass_context
def run(ctx: click.Context, until: str, **arguments: Any) -> None:
    """Run every stage that is not up to date: ingest, prepare, train, compare, export, report.

    PIPELINE is a name from pipelines/ or a path; `watch` by default.

    \b
    Example:
      har run watch --set training.epochs=5 --jobs 2
      har run watch-full --dask tcp://10.0.0.1:8786
    """
    _run(ctx, until, until=until, **arguments)


def _stage(
    name: str, help_text: str, *, until: str | None = None, without: tuple[str, ...] = ()
) -> click.Command:
    @click.command(name, help=f"{help_text}\n\n\b\nExample:\n  har {name} watch")
    @run_options
    @click.pass_context
    def command(ctx: click.Context, **arguments: Any) -> None:
        _run(ctx, name, until=until or name, without=without, **arguments)

    return command


@click.command()
@options.as_json
def pipelines(as_json: bool) -> None:
    """List the pipelines that can be run by name: those in pipelines/ here, and the package's own.

    \b
    Example:
      har pipelines
    """
    from har import pipeline_file
    from har.errors import ConfigError

    found = {}
    for name in pipeline_file.pipeline_names():
        try:
            found[name] = pipeline_file.load(name).about
        except ConfigError as e:
            found[name] = str(e)
    if as_json:
        output.echo_json([{"name": name, "about": about} for name, about in found.items()])
        return
    width = max(map(len, found))
    for name, about in found.items():
        click.echo(output.wrapped(about, first=f"{name:<{width}}  "))


COMMANDS = (
    run,
    pipelines,
    _stage("ingest", "Take recordings in: read, check and store them."),
    _stage("prepare", "Resample and cut windows, after the stages that this needs."),
    _stage("train", "Train every model on every fold, after the stages that this needs."),
    _stage(
        "compare",
        "Score and compare, after the stages that this needs, and report.",
        until="report",
        without=("export",),
    ),
    _stage(
        "export",
        "Write the bundle for the phone, after the stages that this needs, and report.",
        until="report",
    ),
)


def _run(
    ctx: click.Context, stage: str, *, pipeline: str, force: bool, dry_run: bool, **arguments: Any
) -> None:
    """Run stages; progress goes to stderr, what they came to to stdout.

    `stage` is what the command is about, and may be forced.
    """
    from har import pipeline_file

    # A mistake is told before seconds of imports.
    pipeline_file.load(pipeline, arguments["overrides"])

    from har import session

    console = output.stderr()

    def tell(step: Step) -> None:
        if step.state == "would run":
            click.echo(f"{step.stage.name}: would run ({step.why})")
        elif step.state == "up to date":
            console.print(f"[bold]{step.stage.name}[/bold]: up to date")
        else:
            console.print(f"  [dim]done in {step.seconds:.1f} s[/dim]")
            if step.output and step.stage.name in summary.AT_ONCE:
                click.echo(summary.AT_ONCE[step.stage.name](step.output))

    forced = (stage,) if force else ()
    done = session.run(
        ctx.obj.root, pipeline, force=forced, dry_run=dry_run, on_step=tell,
        must_export=stage == "export", **arguments,
    )  # fmt: skip
    if dry_run:
        return
    if done.sent:
        console.print(f"[bold]track[/bold]: {summary.sent(done.sent)}")
    for text in summary.closing(done):
        click.echo(text)
    if "compare" in done.outputs:
        given = ctx.find_root().params["workspace"]
        elsewhere = f" --workspace {given}" if given != Path(".") else ""
        click.echo(f"MLflow: har{elsewhere} ui")
    done.require()
