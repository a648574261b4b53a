"""`har adapt`: a correction of a model for one wearer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from har.cli import options, output
from har.workspace import Workspace


@click.command()
@click.argument("bundle")
@click.argument("recordings", nargs=-1, required=True, metavar="RECORDING…")
@options.out("Write the adapter here.", required=True)
@options.reading
@options.as_json
@click.pass_obj
def adapt(
    workspace: Workspace, bundle: str, recordings: tuple[str, ...], out: Path, as_json: bool,
    **said: Any,
) -> None:  # fmt: skip
    """Adapt a bundle to one wearer, from a few labelled seconds.

    BUNDLE is as of `har predict`. A RECORDING carries labels, or is ACTIVITY=FILE: one activity
    from beginning to end. Ten seconds of each activity are enough. An activity that the model does
    not know is taught the same way. The correction is tried on labelled stretches that are left out
    in turn; if it does not help there, nothing is written.

    \b
    Example:
      har adapt watch walking=walk.csv sitting=sit.csv --out me.json
      har predict watch day.csv --adapter me.json
    """
    from har.api.bundles import Bundle
    from har.runtime.bundle import find_bundle

    opened = Bundle.open(find_bundle(bundle, workspace.reports))
    known = {name: value for name, value in said.items() if value is not None}
    taught = opened.teach(*map(_labelled, recordings), **known)
    adapter = taught.adapter
    out.parent.mkdir(parents=True, exist_ok=True)
    adapter.write(out)
    if as_json:
        about = adapter.model_dump(mode="json", include={"activities", "taught", "verified"})
        doubts = {"contradictions": taught.contradictions, "unlike": taught.unlike}
        output.echo_json({**about, **doubts, "adapter": str(out)})
        return
    for line in (*taught.unlike, *taught.contradictions):
        click.echo(f"warning: {line}")
    click.echo(", ".join(f"{activity}: {n} windows" for activity, n in adapter.taught.items()))
    if new := adapter.activities[len(opened.activities) :]:
        click.echo(f"New: {', '.join(new)}.")
    if found := adapter.verified:
        click.echo(
            f"Log loss on {found.blocks} labelled stretches, each held out in turn: "
            f"{found.log_loss_before:.3f} without the correction, {found.log_loss_after:.3f} with."
        )
    else:
        click.echo("Not verified: two stretches or 20 s of each activity tell whether it helps.")
    click.echo(f"Wrote {out}. Use it: har predict {bundle} RECORDING --adapter {out}")


def _labelled(text: str) -> Any:
    """`ACTIVITY=FILE` as a pair, unless it is a file as it stands."""
    activity, equals, path = text.partition("=")
    return (activity, path) if equals and not Path(text).exists() else text
