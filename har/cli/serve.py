"""`har serve`: where the page is, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from har.workspace import Workspace

if TYPE_CHECKING:
    from har.phone.certificates import Certificates
    from har.phone.server import Server


@click.command()
@click.argument("bundle")
@click.option(
    "--host",
    metavar="ADDRESS",
    help="Address to listen on (default: 127.0.0.1, this machine only; with --https the local "
    "network).",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option(
    "--https", is_flag=True,
    help="Serve to phones on the local network: make a local certificate authority and show how to "
    "trust it.",
)  # fmt: skip
@click.pass_obj
def serve(workspace: Workspace, bundle: str, host: str | None, port: int, https: bool) -> None:
    """Serve the phone page: live activity from the phone's own sensor, and recording.

    BUNDLE is the folder of an exported model, or the name (or file) of the pipeline that
    exported it: of several models the page opens the selected one and offers the others.

    \b
    Example:
      har serve reports/watch/bundle/cnn
      har serve watch --https
    """
    from har.phone.serve import make

    keys = Path(os.environ.get("HAR_HTTPS_FOLDER") or click.get_app_dir("har")) / "https"
    server, tls = make(bundle, workspace, authority_folder=keys, host=host, port=port, https=https)
    click.echo(announcement(server, tls))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    click.echo("Stopped.")


def announcement(server: Server, tls: Certificates | None) -> str:
    """Where the page is, and how a phone comes to trust it."""
    from har.phone.serve import urls

    first, *others = urls(server)
    lines = [f"The page is at {first}", *(f"            or {other}" for other in others)]
    if tls is None and server.key is None:
        lines.append("Only this machine reaches it. For a phone: har serve BUNDLE --https")
    elif tls is None:
        lines.append(
            "Without --https a phone gives the page no motion: it can open files, not record."
        )
    else:
        if "//localhost" in first:
            lines.append(
                "This machine has no address on a local network: join the phone's Wi-Fi first."
            )
        else:
            lines.append(qr_code(first))
        lines.append(
            f"""\
To trust it on a phone on this network, once:
  1. open {first.partition("#")[0]}har-ca.crt there, past the browser's warning
  2. iPhone: Settings > General > VPN & Device Management > install it; then
     Settings > General > About > Certificate Trust Settings > switch it on
     Android: Settings > Security > More > Install a certificate > CA certificate
  3. open {first}
The authority vouches for private addresses and local names only. It is kept in
{tls.authority.parent}; its SHA-256 fingerprint is
{tls.fingerprint()}
Without step 1 and 2 the page works too, past the warning, but not offline."""
        )
    return "\n".join([*lines, "Recordings land in data/raw/recorded. Ctrl-C stops."])


def qr_code(url: str) -> str:
    """The address as blocks that a phone's camera reads off a terminal."""
    import io

    import segno

    picture = io.StringIO()
    segno.make(url, micro=False).terminal(out=picture, compact=True)
    return picture.getvalue().rstrip("\n")
