"""Run by itself: a bundle is opened and asked where nothing is installed but what that needs.

python -m tests.runtime.alone BUNDLE CSV
"""

from __future__ import annotations

import re
import sys
from importlib import abc, metadata
from pathlib import Path
from typing import Any

NEEDS = ("numpy", "scipy", "pandas", "pyarrow", "pydantic", "PyYAML", "ai-edge-litert")


def required(names: tuple[str, ...]) -> set[str]:
    """Distributions, and those that they need in turn, without their extras."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of another system or Python
            continue
        found.add(name)
        todo += [m[0] for n in needs if "extra ==" not in n and (m := re.match(r"[\w.-]+", n))]
    return found


def refused() -> set[str]:
    """Top-level packages of everything else that is installed."""
    needed = required(NEEDS)
    return {
        top
        for top, of in metadata.packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in of} & needed
    } - {"har", "tests"}


class Alone(abc.MetaPathFinder):
    """Packages that are as good as not installed."""

    def __init__(self, refused: set[str]) -> None:
        self.refused = refused

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if (top := name.partition(".")[0]) in self.refused:
            raise ModuleNotFoundError(f"{top} is not installed here", name=top)


def main(folder: Path, recording: Path) -> None:
    missing = refused() - sys.modules.keys()  # what Python itself loads at its start stays
    assert {"tensorflow", "keras", "sklearn", "mlflow", "psutil", "rich", "click"} <= missing
    sys.meta_path.insert(0, Alone(missing))

    import numpy as np

    from har.ingest import opening
    from har.recording import Chunk
    from har.runtime.bundle import Bundle
    from har.runtime.predict import predict
    from har.runtime.streaming import batches

    bundle = Bundle.open(folder)
    (source,) = opening.open_path(recording)
    found = predict(bundle, source)
    assert found.bouts
    rows = np.loadtxt(recording, delimiter=",", skiprows=1)
    chunks = (
        Chunk(part[:, 0] - rows[0, 0], part[:, 1:].astype(np.float32))
        for part in np.array_split(rows, 50)
    )
    model = bundle.model()
    answers = [model(batch.windows) for batch in batches(chunks, bundle.windower(bundle.aligner()))]
    np.testing.assert_allclose(np.concatenate(answers), found.probabilities, atol=1e-5)
    sys.stdout.write(f"{found.n_windows} windows")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
