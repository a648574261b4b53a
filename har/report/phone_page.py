"""The table and the picture of what models cost on a phone, from a finished export."""

from __future__ import annotations

from pathlib import Path

from har.errors import BundleError
from har.evaluation.results import Results
from har.report import figures, pareto, rendering
from har.runtime.bundle import Bundle

BEGIN = "<!-- made by har study phone; what is between the marks is written anew -->"
END = "<!-- end of har study phone -->"


def write(folder: Path, page: Path, *, command: str) -> list[Path]:
    """Put the variants of a pipeline's bundles into a page.

    Parameters
    ----------
    folder : Path
        `reports/<pipeline>` of a finished export.
    page : Path
        Markdown; the part between the marks is replaced, or added at its end. The picture goes to
        `figures/` beside it.
    command : str
        What made the bundles.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    BundleError
        If there is no bundle.
    StoreError
        If there are no results, or not those of this version.
    """
    bundles = [Bundle.open(p.parent) for p in sorted(folder.glob("bundle/*/model.json"))]
    if not bundles:
        raise BundleError(f"No bundle in {folder}. Run: har export {folder.name}")
    results = Results.published(folder.parent, folder.name)
    picture = page.parent / "figures" / "phone-pareto.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(figures.png(pareto.draw(results), ground="white"))
    before = page.read_text(encoding="utf-8") if page.is_file() else "# On the phone\n"
    section = rendering.page("phone.md", manifests=[b.manifest for b in bundles], command=command)
    part = f"{BEGIN}\n{section}{END}"
    if BEGIN in before and END in before:
        head, _, rest = before.partition(BEGIN)
        text = head + part + rest.partition(END)[2]
    else:
        text = f"{before.rstrip()}\n\n{part}\n"
    page.write_text(text, encoding="utf-8")
    return [page, picture]
