"""What `har ui` opens: MLflow's own pages on a comparison of four models, in a browser."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from har import tracking
from tests.evaluation import workspace
from tests.noise import MLFLOW
from tests.web.conftest import PATIENCE_MS

pytestmark = [MLFLOW, pytest.mark.browser, pytest.mark.processes]
SKILLS = {"cnn": 0.9, "gru": 0.7, "lstm": 0.6, "extra_trees": 0.5}


@pytest.fixture(scope="module")
def address(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the comparison's models are, served."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        root = tmp_path_factory.mktemp("workspace")
        context = workspace.run(workspace.context(root, SKILLS, seeds=(0,)))
        tracking.track(
            context.workspace, context.pipeline.name, context.outputs, console=context.console
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        pages = tracking.Pages.of(context.workspace, port=port)
    yield from served(pages, root)


def served(pages: Any, root: Path) -> Iterator[str]:
    (where,) = pages.addresses.values()
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (root / "server.log").open("wb") as log:
        server = subprocess.Popen(
            pages.command, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for(where.partition("#")[0], server)
            yield where
        finally:
            os.killpg(server.pid, 15)
            server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    while True:
        assert server.poll() is None
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            time.sleep(0.3)


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1500, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_the_address_shows_a_row_for_each_model_the_best_first(page: Any, address: str) -> None:
    page.goto(address)
    links = page.locator("a[href*='/runs/']")
    for name in SKILLS:
        page.get_by_role("link", name=name, exact=True).first.wait_for()
    shown = [t.strip() for t in links.all_inner_texts() if t.strip()]
    assert shown == [*SKILLS], "one row for each model, sorted by macro-F1"
    assert page.get_by_text("macro_f1", exact=True).first.is_visible()


def test_four_runs_are_compared_by_their_confusion_pictures(page: Any, address: str) -> None:
    page.goto(f"{address}&compareRunsMode=CHART")
    drawn = """() => [...document.querySelectorAll("img[src*='images%2Fconfusion']")]
        .filter(i => i.naturalWidth > 0).length"""
    page.wait_for_function(f"n => ({drawn})() === n", arg=len(SKILLS))
    said = page.locator("body").inner_text()
    assert all(re.search(rf"\b{name}\b", said) for name in SKILLS)
