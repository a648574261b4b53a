"""The table and the picture of what models cost on a phone, from a finished export."""

from __future__ import annotations

from pathlib import Path

from har.errors import BundleError
from har.evaluation.results import Results
from har.report import pareto
from har.runtime.bundle import Bundle
from har.runtime.manifest import Manifest

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
    pareto.draw(results, picture)
    before = page.read_text(encoding="utf-8") if page.is_file() else "# On the phone\n"
    part = f"{BEGIN}\n{as_markdown([b.manifest for b in bundles], command)}\n{END}"
    if BEGIN in before and END in before:
        head, _, rest = before.partition(BEGIN)
        text = head + part + rest.partition(END)[2]
    else:
        text = f"{before.rstrip()}\n\n{part}\n"
    page.write_text(text, encoding="utf-8")
    return [page, picture]


def as_markdown(manifests: list[Manifest], command: str) -> str:
    """The section: table of variants, what does not ship and why, the gates that held."""
    first = manifests[0]
    n = next(iter(first.variants.values())).n_windows
    raw = [m.raw_parity for m in manifests if m.raw_parity]
    lines = [
        "## What models cost, and what conversion does to them",
        "",
        f"Made by `{command}`. Every figure of agreement is from {n:,} windows of people whom the "
        "compared models had not seen: each fold's model, converted, on its own test people. "
        "Times and memory: one thread of the machine that made this, a window at a time; a phone's "
        "own differ, their order hardly. Memory is what loading and running a file adds to a "
        "process.",
        "",
        "![macro-F1 against time and size](figures/phone-pareto.png)",
        "",
        "| model | variant | kB | ms, median | ms, 99 % | memory, MB | labels as Keras | "
        "largest difference | macro-F1 after |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for m in manifests:
        for variant, v in m.variants.items():
            lines.append(
                f"| {m.model} | {variant} | {v.bytes / 1024:.0f} | "
                f"{v.latency_ms_p50:.3f} | {v.latency_ms_p99:.3f} | "
                f"{v.peak_memory_bytes / 2**20:.1f} | {v.label_agreement:.2%} | "
                f"{v.max_abs_diff:.1e} | {v.macro_f1:.3f} |"
            )
    lines += ["", "What a model cannot have, or may not ship:", ""]
    for m in manifests:
        lines += [f"- {m.model}, {name}: {_reason(r)}" for name, r in m.withheld.items()]
    if stepped := [(m.model, m.step_file) for m in manifests if m.step_file]:
        lines += [
            "",
            "One step at a time (`model.stream.tflite`; from zero states, the last step's answer "
            "is the window's):",
            "",
            "| model | samples a step | steps a window | kB | largest difference from the window |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for model, s in stepped:
            lines.append(
                f"| {model} | {s.step_samples} | {s.steps} | {s.bytes / 1024:.0f} | "
                f"{s.max_abs_diff:.1e} |"
            )
    worst = max(r.max_abs_diff for r in raw)
    lines += [
        "",
        f"From raw recordings, resampled sample by sample as a phone does: {raw[0].recordings} "
        f"recordings ({raw[0].irregular} with irregular timestamps), {raw[0].n_windows:,} "
        f"windows of people not seen; the largest difference from what was scored is {worst:.1e}. "
        "Operators are LiteRT's own in every file:",
        "",
        *(f"- {m.model}: {_operators(m)}" for m in manifests),
    ]
    return "\n".join(lines)


def _reason(text: str) -> str:
    return text[0].lower() + text[1:]


def _operators(manifest: Manifest) -> str:
    counts = manifest.variants["float32"].operators
    return ", ".join(f"{n} × {o}" if n > 1 else o for o, n in counts.items())
