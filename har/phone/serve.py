"""Make the site and its server: names, certificates, the key and the inbox."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from pathlib import Path

from har.files import read_json, replace_file
from har.phone import certificates
from har.phone.guards import is_address
from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from har.runtime.bundle import find_bundles
from har.workspace import Workspace

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # nosec B104  # only where --host says so


def make(
    bundle: str,
    workspace: Workspace,
    *,
    authority_folder: Path,
    host: str | None = None,
    port: int = 8000,
    https: bool = False,
) -> tuple[Server, certificates.Certificates | None]:
    """A server that listens and does not answer yet.

    Parameters
    ----------
    bundle : str
        Its folder, or the name of a pipeline, of whose bundles the page opens the selected one and
        offers the others.
    workspace : Workspace
        Recordings land in its `data/raw/recorded`.
    authority_folder : Path
        Where the local authority and the key are kept; the user's own, since a phone that trusts
        the authority trusts it for every workspace.
    host : str, optional
        This machine alone (127.0.0.1) by default; with `https` the local network, which is what
        that is for.
    port : int
        0 takes a free one.

    Raises
    ------
    HarError
        If there is no bundle, the page's runtime was not installed, or the port is taken.
    """
    folders = _selected_first(find_bundles(bundle, workspace.reports))
    host = host or (EVERYWHERE if https else LOOPBACK)
    own_name = [] if is_address(host) else [host.lower()]
    names = tuple(dict.fromkeys([*certificates.local_names(), *own_name]))
    tls = None
    if https:
        addresses = [LOOPBACK, "::1", *certificates.local_addresses()]
        if is_address(host) and host not in {EVERYWHERE, "::", *addresses}:
            addresses.append(host)
        tls = certificates.make(authority_folder, addresses=addresses, names=list(names))
    site = build_site(*folders, authority=tls.authority if tls else None)
    context = tls.context() if tls else None
    # Others on the network may look at the page; what was recorded is not theirs to read or add to.
    key = None if host in {LOOPBACK, "::1", "localhost"} else access_key(authority_folder)
    uploads = Uploads(workspace.raw)
    return Server((host, port), site, uploads, tls=context, key=key, names=names), tls


def _selected_first(bundles: Sequence[Path]) -> list[Path]:
    """Bundles of one run, the model that it selected first, where its results are beside them."""
    results = bundles[0].resolve().parents[1] / "results.json"
    selected = read_json(results).get("selected") if results.is_file() else None
    return sorted(bundles, key=lambda folder: folder.name != selected)


def access_key(folder: Path) -> str:
    """A secret of this user's, kept so that a phone need not scan a new code every day."""
    path = folder / "access-key"
    with contextlib.suppress(FileNotFoundError):
        if key := path.read_text(encoding="ascii").strip():
            return key
    key = secrets.token_urlsafe(18)
    replace_file(path, key.encode(), mode=0o600)
    return key


def urls(server: Server) -> list[str]:
    """Where the page can be opened, the likeliest for a phone first."""
    hosts = [server.host]
    if server.host == EVERYWHERE:
        hosts = [*certificates.local_addresses(), "localhost"]
    end = f"#key={server.key}" if server.key else ""
    shown = [f"[{h}]" if ":" in h else h for h in hosts]
    return [f"{server.scheme}://{h}:{server.port}/{end}" for h in shown]
