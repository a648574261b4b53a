"""`har lecture`: the course's experiments."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import click

from har.cli import options, output
from har.cli.group import Group
from har.workspace import Workspace

if TYPE_CHECKING:
    from har.lectures.result import Lecture, Result

lecture_options = options.together(
    click.option(
        "--quick", is_flag=True, help="Run a small version, which shows only that it works."
    ),
    options.as_json,
)


class _Lectures(Group):
    """A command for each lecture of the catalogue, which is read only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from har.lectures import catalogue

        return [*super().list_commands(ctx), *catalogue.names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from har.lectures import catalogue

        if cmd_name in self.commands or cmd_name not in catalogue.names():
            return super().get_command(ctx, cmd_name)
        one = catalogue.get(cmd_name)

        @click.command(
            cmd_name,
            short_help=one.title + ".",
            help=f"{one.title}. {one.teaches}\n\n\b\nExample:\n  har lecture {cmd_name} --quick",
        )
        @lecture_options
        @click.pass_obj
        def command(workspace: Workspace, quick: bool, as_json: bool) -> None:
            _run(workspace, [cmd_name], quick, as_json)

        return command


@click.group(cls=_Lectures)
def lecture() -> None:
    """Run the course's experiments and compare the results with what is expected.

    \b
    Example:
      har lecture list
      har lecture rnn-by-hand
    """


@lecture.command("list")
@options.as_json
def lecture_list(as_json: bool) -> None:
    """Show the experiments and what each one teaches.

    \b
    Example:
      har lecture list --json
    """
    from har.lectures import catalogue
    from har.report.table import padded

    lectures = catalogue.lectures()
    if as_json:
        output.echo_json(
            [{"name": x.name, "title": x.title, "teaches": x.teaches} for x in lectures]
        )
    else:
        click.echo("\n".join(padded([(x.name, x.teaches) for x in lectures], text=2)))


@lecture.command("all")
@lecture_options
@click.pass_obj
def lecture_all(workspace: Workspace, quick: bool, as_json: bool) -> None:
    """Run every experiment and write reports/lectures/README.md.

    \b
    Example:
      har lecture all --quick
    """
    from har.lectures import catalogue

    _run(workspace, catalogue.names(), quick, as_json)


def _run(workspace: Workspace, names: list[str], quick: bool, as_json: bool) -> None:
    """Run lectures in order; numbers go to stdout, progress to stderr."""
    from har.lectures import catalogue, page

    say = functools.partial(click.echo, err=True)
    out = page.folder(workspace, quick)
    records = []
    for i, name in enumerate(names):
        lecture = catalogue.get(name)
        if len(names) > 1:
            say(f"[{i + 1}/{len(names)}] {name}")
        result = page.run(lecture, workspace, quick=quick, say=lambda line: say(f"  {line}"))
        if as_json:
            records.append(page.stored(out, name))
        else:
            click.echo(describe(lecture, result, quick) + "\n")
            for figure in result.figures:
                click.echo(f"figure: {out / figure}")
    if as_json:
        output.echo_json(records if len(names) > 1 else records[0])
    say(f"page: {out / 'README.md'}")


def describe(lecture: Lecture, result: Result, quick: bool) -> str:
    """What was expected beside what was obtained, and why."""
    from har.lectures.page import QUICK
    from har.report.table import padded

    lines = [lecture.title, "=" * len(lecture.title)]
    lines += [f"({QUICK})", ""] if quick else []
    lines += [lecture.teaches, ""]
    if result.rows:
        cells = [("quantity", "expected", "obtained", "rule", "")]
        cells += [(r.quantity, r.expected, r.obtained, r.how, r.verdict) for r in result.rows]
        lines += [*padded(cells, text=len(cells[0])), ""]
    if result.listing:
        lines += [result.listing, ""]
    return "\n".join([*lines, result.explanation])
