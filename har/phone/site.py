"""Everything that `har serve` can give: a fixed table of files, made when the server starts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from har.errors import HarError
from har.runtime.bundle import Bundle

WEB = Path(__file__).parent / "web"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
    ".tflite": "application/octet-stream",
    ".npz": "application/octet-stream",
    ".crt": "application/x-x509-ca-cert",
}


@dataclass(frozen=True)
class Asset:
    """A file that is served: its content is held, so that a served bundle never changes midway."""

    data: bytes
    type: str

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.data).hexdigest()[:20]}"'


@dataclass
class Site:
    """Everything that can be fetched, by path."""

    assets: dict[str, Asset] = field(default_factory=dict)
    policy: str = ""

    def add(self, path: str, data: bytes) -> None:
        suffix = path[path.rfind(".") :]
        if suffix in _TYPES:
            self.assets[path] = Asset(data, _TYPES[suffix])

    @property
    def version(self) -> str:
        every = sorted((path, asset.etag) for path, asset in self.assets.items())
        return hashlib.sha256(repr(every).encode()).hexdigest()[:12]


def build_site(bundle: Path, *others: Path, web: Path = WEB, authority: Path | None = None) -> Site:
    """Read the page, the LiteRT runtime and bundles, of which the page opens the first.

    Raises
    ------
    HarError
        If the runtime was not installed (`make web`), or a folder is not a bundle.
    """
    vendor = web / "vendor"
    if not (vendor / "litert" / "index.js").is_file():
        raise HarError(
            f"The page's LiteRT runtime is not at {vendor}. Run `make web` in a checkout (it needs "
            "npm), or install a wheel, which carries it."
        )
    site = Site()
    for path in sorted(web.rglob("*")):
        name = path.relative_to(web).as_posix()
        own = name.startswith(("js/", "vendor/")) or "/" not in name
        if path.is_file() and own and not name.startswith(("package", "node_modules", ".")):
            site.add(f"/{name}", path.read_bytes())
    places = {"/bundle": bundle, **{f"/bundle/{i}": b for i, b in enumerate(others, start=1)}}
    names = [{"at": at, "name": _add_bundle(site, at, of)} for at, of in places.items()]
    site.add("/bundles.json", json.dumps(names).encode())
    if authority is not None:
        site.add("/har-ca.crt", authority.read_bytes())
    site.assets["/"] = site.assets.pop("/index.html")
    site.policy = content_policy(site.assets["/"].data.decode())
    worker = site.assets.pop("/sw.js")
    # The runtime is 9 MB and the page knows which of its builds the browser runs: it names that
    # one itself. A certificate and the raw windows are of no use offline.
    offline = [p for p in site.assets if not p.endswith((".wasm", ".npz", ".crt"))]
    offline = [p for p in offline if "_internal" not in p and not p.endswith(".tflite")]
    text = worker.data.decode()
    text = text.replace('"__VERSION__"', json.dumps(site.version))
    models = [f"{at}/model.tflite" for at in places]
    text = text.replace('["__ASSETS__"]', json.dumps([*sorted(offline), *models]))
    site.add("/sw.js", text.encode())
    return site


def _add_bundle(site: Site, at: str, bundle: Path) -> str:
    """Put a bundle's files under a path; the name of its model."""
    for name in ("model.json", "model.tflite"):
        if not (bundle / name).is_file():
            raise HarError(
                f"{bundle} is not a bundle: it has no {name}. `har export PIPELINE` makes one, at "
                "reports/PIPELINE/bundle/MODEL."
            )
    opened = Bundle.open(bundle).check()
    for path in sorted(bundle.iterdir()):
        if path.is_file() and path.suffix in {".json", ".tflite", ".npz"}:
            site.add(f"{at}/{path.name}", path.read_bytes())
    sample = sample_of(opened)
    if sample is not None:
        site.add(f"{at}/sample.json", json.dumps(sample).encode())
    return opened.manifest.model


def sample_of(bundle: Bundle) -> dict[str, Any] | None:
    """Recorded windows of a bundle, for a page without a sensor; None if it has none."""
    import numpy as np

    path = bundle.folder / "golden.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as golden:
        # Few enough to be sent to a phone at once.
        windows = golden["windows"][:48]
        labels, probabilities = golden["labels"][:48], golden["probabilities"][:48]
    return {
        "activities": bundle.manifest.activities,
        "labels": labels.tolist(),
        "probabilities": probabilities.astype(float).tolist(),
        "windows": np.round(windows.astype(float), 6).tolist(),
    }


def content_policy(page: str) -> str:
    """Scripts of this origin only; the one inline script, the import map, is named by its hash."""
    found = re.search(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)
    inline = found[1] if found else ""
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    return (
        f"default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}'; "
        "img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'none'"
    )
