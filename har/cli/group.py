"""How all groups of commands behave."""

from __future__ import annotations

from typing import Any

import click

from har import faults
from har.errors import HarError

INTERRUPTED = 130
"""As shells have it: 128 and the number of the signal."""


class Group(click.Group):
    """Commands in the order in which they are defined; `HarError` becomes a message and exit 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as e:
            from har.errors import did_you_mean

            near = did_you_mean(args[0], self.list_commands(ctx)) if args else ""
            raise click.UsageError(e.message.rstrip(".") + (near or "."), ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with faults.told():
                return super().invoke(ctx)
        except HarError as e:
            click.echo(f"Error: {e}", err=True)
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            click.echo(
                "\nInterrupted. What was finished is kept; the same command continues.",
                err=True,
            )
            raise SystemExit(INTERRUPTED) from None
