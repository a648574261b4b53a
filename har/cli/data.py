"""`har data`: the known data sets, fetching one, examining one's own recordings."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from har.cli import options, output
from har.cli.group import Group
from har.plural import counted
from har.workspace import Workspace

if TYPE_CHECKING:
    from har.ingest.check import Report
    from har.ingest.raw import Finding

MAX_FILES = 20
"""A check of more files than this prints no line for each."""


@click.group(cls=Group)
def data() -> None:
    """List and fetch data sets; check your own recordings.

    \b
    Example:
      har data list
    """


@data.command("list")
@options.as_json
@click.pass_obj
def data_list(workspace: Workspace, as_json: bool) -> None:
    """List the known data sets: people, rate, placements, licence, citation, whether present.

    \b
    Example:
      har data list --json
    """
    from har.ingest import inventory

    rows = inventory.rows(workspace.raw)
    if as_json:
        output.echo_json(rows)
    else:
        _echo_sets(rows)


@data.command("fetch")
@click.argument("name")
@click.option(
    "--from", "source", type=click.Path(exists=True, path_type=Path), metavar="PATH",
    help="Copy from this folder or file (packed or unpacked) instead of downloading.",
)  # fmt: skip
@click.pass_obj
def data_fetch(workspace: Workspace, name: str, source: Path | None) -> None:
    """Download a data set, from HAR_DATA_MIRROR if that has it, otherwise from its publisher.

    \b
    Example:
      har data fetch motionsense
      har data fetch uci-hapt --from ~/Downloads
    """
    from har.ingest import datasets, fetch

    found = fetch.ensure(datasets.get(name), workspace.raw, console=output.stderr(), source=source)
    for path in found:
        click.echo(path)


@data.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--write-pipeline",
    "pipeline_file",
    type=options.file,
    metavar="FILE",
    help="Write a pipeline file for these recordings.",
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@options.as_json
@click.option(
    "--html",
    "page",
    type=options.file,
    metavar="FILE",
    help="Also write the result as an HTML page.",
)
@click.option("--placement", help="Placement to check, of a published data set with several.")
@click.option(
    "--labels", metavar="FILE",
    help="File of labelled intervals, or a pattern such as '{folder}/{name}_labels.csv' for one "
    "file per recording.",
)  # fmt: skip
@click.option(
    "--autocalibrate", is_flag=True,
    help="Calibrate each recording to gravity at rest, and print its error before and after.",
)  # fmt: skip
@click.pass_obj
def data_check(
    workspace: Workspace, path: Path, pipeline_file: Path | None, strict: bool, as_json: bool,
    page: Path | None, placement: str | None, labels: str | None, autocalibrate: bool,
) -> None:  # fmt: skip
    """Check a file, a folder or a pipeline file's data: format, rate, unit, sign, problems.

    Exit code 1 if there is an error.

    \b
    Example:
      har data check my/recordings --write-pipeline pipelines/mine.yaml
    """
    from har.ingest import check, draft
    from har.own_recordings import Labels
    from har.report import check_page

    said: dict[str, Any] = {"autocalibrate": True} if autocalibrate else {}
    if labels:
        within = labels if labels.startswith("{") else str(Path.cwd() / labels)
        said["labels"] = Labels(path=within)

    with output.stderr().status(f"reading {path}") as status:
        report = check.check(
            path, root=workspace.root, placement=placement, said=said,
            on_progress=lambda n, of: status.update(f"reading {path}: {n} of {of} files"),
        )  # fmt: skip
    if as_json:
        output.echo_json(report.as_dict())
    else:
        _echo_report(report, strict=strict)
    if page:
        output.write(check_page.render(report, strict=strict), page)
        click.echo(f"page: {page}", err=True)
    if pipeline_file:
        own = report.table.path if report.table and path.suffix in {".yaml", ".yml"} else ""
        output.write(draft.pipeline(report, path=own or path.as_posix()), pipeline_file)
        click.echo(f"pipeline file: {pipeline_file}", err=True)
    if report.errors(strict=strict):
        raise SystemExit(1)


@data.command("card")
@options.pipeline
@options.overrides()
@options.out("Write it to a file.")
@click.pass_obj
def data_card(
    workspace: Workspace, pipeline: str, overrides: tuple[str, ...], out: Path | None
) -> None:
    """Describe a pipeline's recordings: people, hours, labels, losses, licence, citation.

    Recordings are ingested first if necessary.

    \b
    Example:
      har data card watch --out DATA_CARD.md
    """
    from har import pipeline_file, session
    from har.export import card
    from har.files import read_json

    of = pipeline_file.load(pipeline, overrides)
    stored = session.outputs(workspace, of, session.crew(None), until="ingest")["ingest"]
    output.write_or_echo(card.data_card(read_json(stored.path / card.SUMMARY), of), out)


def _echo_sets(rows: list[dict[str, Any]]) -> None:
    """A table, then what each set asks of those who use it."""
    from har.report.table import padded

    table = [("name", "at hand", "subjects", "Hz")]
    for r in rows:
        at_hand = "yes" if r["at_hand"] else "-"
        table.append((r["name"], at_hand, str(r["subjects"]), f"{r['rate_hz']:g}"))
    places = ["placements", *(", ".join(r["placements"]) or "-" for r in rows)]
    for cells, names in zip(padded(table, text=2), places, strict=True):
        click.echo(output.wrapped(names, first=f"{cells}  "))
    for r in rows:
        click.echo("\n" + output.wrapped(f"{r['name']}: {r['title']}."))
        click.echo(f"  {r['page']}")
        for label in ("licence", "citation", "note"):
            if r[label]:
                click.echo(_indented(f"{label}: {r[label]}"))
        if r["proven_on"] != "published files":
            click.echo(_indented(f"reader proven on {r['proven_on']}"))


def _indented(text: str) -> str:
    return textwrap.fill(
        text, output.WIDTH, initial_indent="  ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _echo_report(report: Report, *, strict: bool) -> None:
    """What it is, where its samples went, and what is wrong with it, the worst first."""
    whole = report.whole
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in sorted(whole.rejected.items()))
    click.echo(whole.title)
    click.echo(
        f"  {counted(whole.recordings, 'recording')}, {whole.samples_in:,} samples in = "
        f"{whole.kept:,} kept" + (f" + rejected: {rejected}" if rejected else "")
    )
    kinds = _by_kind(report)
    lost = [kind for kind in kinds if kind[0].code == "loss"]
    for kind in lost:
        click.echo(_line(kind, strict=strict))
    if report.subjects:
        click.echo(
            f"  {counted(len(report.subjects), 'subject')}, "
            f"{counted(len(report.activities), 'activity', 'activities')}"
        )
    if 1 < len(report.files) <= MAX_FILES:
        click.echo("\n" + "\n".join(f"  {file.title}" for file in report.files))
    read = whole.recordings > 0
    for line in output.left_out(report.not_used, at_most=5 if read else len(report.not_used)):
        click.echo(f"  {line}")
    click.echo()
    if others := [kind for kind in kinds if kind not in lost]:
        click.echo("\n".join(_line(kind, strict=strict, every=not read) for kind in others) + "\n")
    errors = report.errors(strict=strict)
    unread = sum(f.code == "unreadable-file" for f in report.findings())
    click.echo(f"  {counted(errors, 'error')}." if errors else _no_errors(unread))


def _no_errors(unread: int) -> str:
    files = "file was" if unread == 1 else "files were"
    return f"  No errors in what was read; {unread} {files} not." if unread else "  No errors."


def _line(kind: list[Finding], *, strict: bool, every: bool = False) -> str:
    """Findings of one kind: the first of them; each file by its name if no file could be read."""
    first, *others = kind
    severity = "error" if strict and first.severity == "warning" else first.severity
    done = "" if first.action == "none" else f" [{first.action}]"
    if every and first.code == "unreadable-file":
        by_name = ((f.where, f.message) for f in kind)
        return "\n".join(f"  {severity:<7}  {first.code}{done}  {n}: {m}" for n, m in by_name)
    more = f" (and {len(others)} more)" if others else ""
    where = f"{first.where}{more}: " if first.where else ""
    return f"  {severity:<7}  {first.code}{done}  {where}{first.message}"


def _by_kind(report: Report) -> list[list[Finding]]:
    """Findings of one code, severity and action together, the worst and the commonest first.

    Files that cannot be read are told apart by the reason.
    """
    from har.ingest.raw import SEVERITIES

    kinds: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for f in report.findings():
        reason = f.message.replace(Path(f.where).name, "") if f.code == "unreadable-file" else ""
        kinds[f.code, f.severity, f.action, reason].append(f)
    return sorted(
        kinds.values(), key=lambda k: (SEVERITIES.index(k[0].severity), k[0].code, -len(k))
    )
