"""`har data`: the known data sets, fetching one, examining one's own recordings."""

from __future__ import annotations

from pathlib import Path

import click

from har.cli.group import Group


@click.group(cls=Group)
def data() -> None:
    """Data sets: what is known, get one, examine your own recordings.

    \b
    Example:
      har data list
    """


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def data_list(ctx: click.Context, as_json: bool) -> None:
    """Show the known data sets: people, rate, placements, licence, citation, whether at hand.

    \b
    Example:
      har data list --json
    """
    import json

    from har.ingest import listing
    from har.workspace import Workspace

    raw = Workspace(ctx.obj.resolve()).raw
    if as_json:
        click.echo(json.dumps(listing.rows(raw), indent=2, ensure_ascii=False))
    else:
        click.echo(listing.as_text(raw))


@data.command("fetch")
@click.argument("name")
@click.option(
    "--from", "source", type=click.Path(exists=True, path_type=Path), metavar="PATH",
    help="Copy from this folder (or file) instead of downloading.",
)  # fmt: skip
@click.pass_context
def data_fetch(ctx: click.Context, name: str, source: Path | None) -> None:
    """Get a data set: from HAR_DATA_MIRROR if that has it, else from its publisher.

    \b
    Example:
      har data fetch motionsense
      har data fetch uci-hapt --from ~/Downloads
    """
    from rich.console import Console

    from har.ingest import datasets, fetch
    from har.workspace import Workspace

    raw = Workspace(ctx.obj.resolve()).raw
    for path in fetch.ensure(
        datasets.get(name), raw, console=Console(stderr=True, highlight=False), source=source
    ):
        click.echo(path)


@data.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--write-pipeline",
    "pipeline_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a pipeline file for these recordings.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page, too.",
)
@click.option("--placement", help="Of a published data set with several.")
@click.pass_context
def data_check(
    ctx: click.Context, path: Path, pipeline_file: Path | None, strict: bool, as_json: bool,
    page: Path | None, placement: str | None,
) -> None:  # fmt: skip
    """Examine a file, a folder or a pipeline file's data: format, rate, unit, sign, what is wrong.

    Exit code 1 if there is an error.

    \b
    Example:
      har data check my/recordings --write-pipeline pipelines/mine.yaml
    """
    import json

    from rich.console import Console

    from har.ingest import check, show

    with Console(stderr=True).status(f"reading {path}") as status:
        report = check.check(
            path, root=ctx.obj.resolve(), placement=placement,
            on_progress=lambda n, of: status.update(f"reading {path}: {n} of {of} files"),
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo(show.as_text(report, strict=strict))
    if page:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(show.as_html(report, strict=strict), encoding="utf-8")
        click.echo(f"page: {page}", err=True)
    if pipeline_file:
        pipeline_file.parent.mkdir(parents=True, exist_ok=True)
        pipeline_file.write_text(show.as_pipeline(report, path=path.as_posix()), encoding="utf-8")
        click.echo(f"pipeline file: {pipeline_file}", err=True)
    if report.errors(strict=strict):
        raise SystemExit(1)
