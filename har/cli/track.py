"""`har track` and `har ui`: stored results in MLflow."""

from __future__ import annotations

import click

from har.cli import options, summary
from har.workspace import Workspace


@click.command()
@options.pipeline
@options.overrides("Override that the run was made with; may be repeated.")
@click.pass_obj
def track(workspace: Workspace, pipeline: str, overrides: tuple[str, ...]) -> None:
    """Send stored results to MLflow (MLFLOW_TRACKING_URI, or reports/mlflow.db).

    `har run` does this at its end; use this command if the server was down then.

    \b
    Example:
      MLFLOW_TRACKING_URI=http://lab:5000 har track watch
    """
    from har import session

    sent = session.track(workspace.root, pipeline, overrides=overrides)
    click.echo(summary.sent(sent) if sent else "MLflow has all of it already.")


@click.command()
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on.",
)
@click.option("--port", type=int, default=5000, show_default=True, help="Port of the MLflow pages.")
@click.pass_obj
def ui(workspace: Workspace, host: str, port: int) -> None:
    """Show this workspace's tracked runs in MLflow, until interrupted.

    \b
    Example:
      har ui --port 5001
    """
    from har import tracking

    pages = tracking.Pages.of(workspace, host=host, port=port)
    click.echo("Pages in a few seconds; Ctrl-C stops them.")
    for name, address in pages.addresses.items():
        click.echo(f"  {name}: {address}")
    raise SystemExit(pages.serve())
