"""The wheel alone, beside the packages of this environment, used in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from har.models import registry
from har.phone.site import WEB
from tests.conftest import ROOT
from tests.small_bundles import walk

pytestmark = pytest.mark.install
UNWANTED = ("__pycache__", "node_modules", "vendor")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HAR_WORKSPACE")}


def run(*command: object, **options: Any) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `python` and `har`, in an environment without the sources."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    run(sys.executable, "-m", "pip", "--python", folder, "install", "--no-deps", wheel)
    # A line of a .pth file adds a folder, but does not read the .pth files in it, of which one
    # leads to the sources.
    [site] = folder.glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    code = "import har; print(har.__file__)"
    where = run(folder / "bin/python", "-c", code, env=ENVIRONMENT, cwd=folder)
    assert Path(where.strip()).is_relative_to(folder)
    return folder / "bin"


def test_every_file_of_the_package_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "har").rglob("*")
        if path.is_file() and not set(UNWANTED) & set(path.parts)
    }
    pipelines = {f"har/pipelines/{path.name}" for path in (ROOT / "pipelines").glob("*.yaml")}
    assert pipelines
    recordings = {f"har/data/{name}" for name in ("watch.parquet", "LICENSE", "README.md")}
    assert sources | pipelines | recordings <= inside
    assert {name.split("/")[0] for name in inside} == {"har"}
    assert not [name for name in inside if "node_modules" in name]


def test_the_phone_page_has_its_libraries(commands: Path, tmp_path: Path) -> None:
    if not (WEB / "vendor" / "litert" / "index.js").is_file():
        pytest.skip("no LiteRT.js for the page, and so none for the wheel (make web)")
    code = "from har.phone.site import WEB; print(*(p for p in WEB.rglob('*') if p.is_file()))"
    installed = run(commands / "python", "-c", code, env=ENVIRONMENT, cwd=tmp_path).split()
    names = {Path(p).name for p in installed}
    assert {p.name for p in (WEB / "vendor").rglob("*") if p.is_file()} <= names


def test_the_commands_work_in_an_empty_folder(commands: Path, tmp_path: Path) -> None:
    def har(*arguments: str) -> str:
        return run(commands / "har", *arguments, env=ENVIRONMENT, cwd=tmp_path)

    assert "har run watch" in har("-h")
    listed = har("models")
    assert all(name in listed for name in registry.names())
    assert "watch" in har("data", "list")
    assert not list(tmp_path.iterdir())
    har("run", "watch", "--until", "prepare")
    [windows] = tmp_path.glob("data/cache/prepare/*/meta.json")
    assert windows.stat().st_size > 0


def test_a_bundle_is_asked_and_served(commands: Path, tmp_path: Path, make_bundle: Any) -> None:
    bundle = make_bundle("gru")
    table = pd.DataFrame(walk(1500), columns=list("xyz"))
    table.insert(0, "time", np.arange(len(table)) / 50)
    table.to_csv(tmp_path / "walk.csv", index=False)
    asked = (commands / "har", "predict", bundle, "walk.csv", "--out", "bouts.csv")
    run(*asked, env=ENVIRONMENT, cwd=tmp_path)
    assert pd.read_csv(tmp_path / "bouts.csv")["end_s"].max() > 20
    if not (WEB / "vendor" / "litert" / "index.js").is_file():
        pytest.skip("no LiteRT.js for the page, and so none for the wheel (make web)")
    with subprocess.Popen(
        [commands / "har", "serve", bundle, "--port", "0"],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            said = next(line for line in server.stdout if "http://" in line)
            (url,) = re.findall(r"http://\S+", said)
            with urllib.request.urlopen(url, timeout=60) as page:
                assert b"<title>" in page.read()
            with urllib.request.urlopen(
                f"{url.rstrip('/')}/js/classifier.js", timeout=60
            ) as script:
                assert script.read() == (WEB / "js" / "classifier.js").read_bytes()
        finally:
            server.terminate()
