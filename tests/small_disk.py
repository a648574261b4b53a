"""`python -m tests.small_disk FOLDER` under `unshare -rm`: runs on disks that are too small.

Prints, for each size of a file system at FOLDER, how far a run came and what it said; then what the
same run came to with more space, and what runs say where nothing may be written.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from pathlib import Path

from click.testing import CliRunner

from har.cli.app import main
from tests import in_process
from tests.test_faults import prepare_workspace

KIB = (230, 300, 345, 420, 500, 560, 620, 700, 800, 900)
"""From one on which the raw files barely fit to one on which the report does not."""


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def run(folder: Path, *extra: str) -> dict[str, object]:
    done = CliRunner().invoke(
        main,
        ["--workspace", str(folder), *extra, str(folder / "own.yaml"), "--jobs", "1"],
    )
    crash = done.exception if not isinstance(done.exception, SystemExit) else None
    return {
        "exit": done.exit_code,
        "said": " ".join(done.output.split()),
        "crash": "".join(traceback.format_exception(crash)) if crash else None,
        "stages": sorted(p.name for p in folder.glob("data/cache/*")),
        "left": sorted(str(p) for p in folder.glob("data/cache/*/.partial*")),
    }


def told(folder: Path) -> dict[str, object]:
    full = {}
    for size in KIB:
        mount("-t", "tmpfs", "-o", f"size={size}k", "none", str(folder))
        prepare_workspace(folder)
        full[size] = run(folder, "compare")
    mount("-o", "remount,size=64m", str(folder))
    more = run(folder, "train")  # a run to the end would send it to MLflow
    mount("--bind", str(folder), str(folder))
    mount("-o", "remount,ro,bind", str(folder))
    commands = (("train",), ("train", "--dry-run"), ("train", "--force"), ("compare", "--dry-run"),
                ("compare",), ("ingest", "--force"))  # fmt: skip
    read_only = {" ".join(c): run(folder, *c) for c in commands}
    return {"full": full, "more": more, "read_only": read_only}


if __name__ == "__main__":
    with in_process.instead():
        sys.stdout.write(json.dumps(told(Path(sys.argv[1]))))
