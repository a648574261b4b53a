"""How fast networks train, beside plain Keras, Keras on JAX and PyTorch; and how fast many do.

python tests/benchmarks/training_speed.py --out reports/training-speed.md

Programs that are compared run side by side, each in a process of its own with one thread, and take
turns: what else the machine does meets all of them. HAR_TORCH_PYTHON names a Python that has
PyTorch (torch==2.13.0 and numpy).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("lstm", "bilstm", "gru", "cnn")
EVERY = (
    *MODELS, "simple_rnn", "stacked_lstm", "peephole_lstm", "conv_lstm", "gru_fcn", "inception",
    "tiny",
)  # fmt: skip
Rates = dict[str, list[float]]

ONE = "one process, each job compiled by itself"
KEPT = "one process that keeps what it compiled"
SPREAD = "`har run`: such a process for each core"
ON_JAX = "the same, recurrent networks on JAX"


class Runner:
    """A process that trains one network one way, an epoch at a time."""

    def __init__(self, command: Sequence[str], backend: str = "tensorflow") -> None:
        from har.fanout import ONE_THREAD

        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ONE_THREAD, "KERAS_BACKEND": backend},
        )
        if self._line() != "ready\n":
            raise RuntimeError(f"{' '.join(command)} did not start")

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def round(self) -> float:
        """Windows per second of the processor: jobs fill all cores, so that is what they cost."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        took = json.loads(self._line())
        return float(took["windows"] / took["busy"])

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


def torch_python() -> str | None:
    return os.environ.get("HAR_TORCH_PYTHON")


def command(way: str, model: str) -> list[str]:
    """Of a runner; `torch` needs HAR_TORCH_PYTHON."""
    here = Path(__file__).parent
    if way != "torch":
        return [sys.executable, str(here / "steps.py"), way, model]
    from har.signal.filters import lowpass_taps

    python = torch_python()
    assert python is not None
    return [python, str(here / "torch_steps.py"), model, str(len(lowpass_taps(50, 20, 8)))]


def ways(model: str) -> dict[str, tuple[str, str]]:
    """Name in the table: (way of `steps.py`, Keras backend)."""
    from har.training.backend import jax_installed

    out = {
        "har, TensorFlow": ("har", "tensorflow"),
        "plain Keras, TensorFlow": ("plain", "tensorflow"),
    }
    if model != "cnn":
        out["har, TensorFlow, XLA"] = ("har-jit", "tensorflow")
    if jax_installed():
        out |= {"har, JAX": ("har", "jax"), "plain Keras, JAX": ("plain", "jax")}
    if torch_python() and model in MODELS:
        out["PyTorch"] = ("torch", "")
    return out


def interleaved(chosen: Mapping[str, tuple[list[str], str]], rounds: int) -> Rates:
    """Rates of some runners that take turns, `rounds` times each."""
    runners: dict[str, Runner] = {}
    try:
        for name, (argv, backend) in chosen.items():
            runners[name] = Runner(argv, backend)
        rates: Rates = {name: [] for name in runners}
        for _ in range(rounds):
            for name, runner in runners.items():
                rates[name].append(runner.round())
    finally:
        for runner in runners.values():
            runner.stop()
    return rates


def of_model(model: str, rounds: int) -> Rates:
    return interleaved(
        {name: (command(way, model), backend) for name, (way, backend) in ways(model).items()},
        rounds,
    )


def ratio(rates: Rates, a: str, b: str) -> float:
    """How many times as fast a is as b: the median over rounds, in which they took turns."""
    return statistics.median(x / y for x, y in zip(rates[a], rates[b], strict=True))


# A whole comparison ------------------------------------------------------------------------------


def prepared(folder: Path) -> Any:
    """The context of `har run watch`, with its windows made."""
    from har import session

    return session.run(folder, "watch", until="prepare").context


def tasks(context: Any, store: Path, *, backend: str, folds: int, epochs: int) -> list[Any]:
    """The jobs of `watch` on its first folds; on JAX only of the models that it trains faster."""
    from har.config import Training
    from har.models import registry
    from har.signal import window_files
    from har.store import Store
    from har.training.splits import make
    from har.training.tasks import TaskMaker

    windows = context.outputs["prepare"]
    splits = make(window_files.load(windows.path), context.pipeline.split)[:folds]

    def of(model: Any) -> list[Any]:
        gains = registry.get(model.name).faster_on_jax
        training = Training(
            epochs=epochs, patience=epochs, backend=backend if gains else "tensorflow"
        )
        return TaskMaker(windows, Store(store), training).folds([model], splits)

    return [task for m in context.pipeline.models if m.name in MODELS for task in of(m)]


def compiled_anew(task: Any, report: Any) -> str | None:
    """A job with nothing kept of the one before it: each has a `compile` and a `fit` of its own."""
    from har.training import job

    job.WORKSHOP.clear()
    return job.run_job(task, report)


def one_process(items: Sequence[Any], *, anew: bool) -> None:
    """Every job in one process, with TensorFlow's own choice of threads."""
    from har import fanout
    from har.training.job import run_job

    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    for _, outcome in fanout.run(compiled_anew if anew else run_job, items, jobs=1, env=quiet):
        assert isinstance(outcome, fanout.Done), outcome


def fanned_out(items: Sequence[Any]) -> None:
    """As `har run` does it: a process for each core, one thread each."""
    from rich.console import Console

    from har import fanout
    from har.training.run import run_tasks

    records = run_tasks(items, fanout.Crew(fanout.cores(), Console(quiet=True)))
    assert all(record.folder for record in records)


def comparison(repeats: int, folds: int, epochs: int) -> dict[str, list[float]]:
    """Seconds of the same jobs, done in each way in turn."""
    from har.training.backend import jax_installed

    out: dict[str, list[float]] = {ONE: [], KEPT: [], SPREAD: []}
    if jax_installed():
        out[ON_JAX] = []
    with tempfile.TemporaryDirectory() as folder:
        context = prepared(Path(folder))
        for repeat in range(repeats):
            for i, name in enumerate(out):
                store = Path(folder) / f"store-{repeat}-{i}"
                backend = "jax" if name == ON_JAX else "tensorflow"
                items = tasks(context, store, backend=backend, folds=folds, epochs=epochs)
                begin = time.perf_counter()
                if name in (ONE, KEPT):
                    one_process(items, anew=name == ONE)
                else:
                    fanned_out(items)
                out[name].append(time.perf_counter() - begin)
    return out


# The page ----------------------------------------------------------------------------------------


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def table_of_steps(measured: Mapping[str, Rates]) -> list[str]:
    lines = [
        "| model | trained by | windows per processor second | times plain Keras |",
        "| --- | --- | ---: | ---: |",
    ]
    for model, rates in measured.items():
        for name in sorted(rates, key=lambda n: -statistics.median(rates[n])):
            against = ratio(rates, name, "plain Keras, TensorFlow")
            lines.append(f"| {model} | {name} | {spread(rates[name])} | {against:.2f} |")
    return lines


def machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def measure(options: argparse.Namespace) -> str:
    from har.code import versions

    busy = os.getloadavg()[0]
    measured = {model: of_model(model, options.rounds) for model in options.models}
    packages = ", ".join(
        f"{k} {v}" for k, v in versions(("tensorflow", "keras", "jax")).items() if v != "absent"
    )
    text = [
        "# How fast networks train",
        "",
        f"Made by `python tests/benchmarks/training_speed.py{options.said}`: {machine()}, "
        f"{packages}{f', PyTorch {torch_version()}' if torch_python() else ''}.",
        "",
        f"Load before it began: {busy:.1f}."
        + (
            " **Other programs were running**: times of the clock say little, ratios of what took "
            "turns a little more."
            if busy > 0.5
            else ""
        ),
        "",
        "## One step",
        "",
        "The networks of `watch` (128 samples, a low-pass and the magnitude in the graph, batches "
        f"of 64), one thread; each way in a process of its own, {options.rounds} epochs of 1,920 "
        "windows in turn: median (least–most). *har* is the project's own training: windows "
        "gathered in the graph, sample weights, clipping, a schedule. *Plain Keras* is `compile` "
        "and `fit` with their defaults (which compile with XLA) on an array of windows, without "
        "any of these. PyTorch's networks have the same layers, and no more than plain Keras does. "
        "The last column is the median of the ratios in each turn, not the ratio of the medians.",
        "",
        *table_of_steps(measured),
        "",
    ]
    if options.repeats:
        seconds = comparison(options.repeats, options.folds, options.epochs)
        first = statistics.median(seconds[ONE])
        text += [
            "## A whole comparison",
            "",
            f"The jobs of `har run watch` (4 networks, {options.folds} folds, {options.epochs} "
            f"epochs), from start to finish, {options.repeats} times in turn. One process has "
            "TensorFlow's own choice of threads; those of each core have one. A job compiled by "
            "itself is what a loop over `compile` and `fit` does.",
            "",
            "| | seconds | times one process |",
            "| --- | ---: | ---: |",
            *(
                f"| {name} | {spread(s)} | {first / statistics.median(s):.2f} |"
                for name, s in seconds.items()
            ),
            "",
        ]
    return "\n".join(text)


def torch_version() -> str:
    python = torch_python()
    assert python is not None
    code = "import torch; print(torch.__version__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--models", nargs="+", default=list(EVERY), choices=EVERY)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--repeats", type=int, default=3, help="of the whole comparison; 0: none")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    given = sys.argv[1:]
    if "--out" in given:
        at = given.index("--out")
        del given[at : at + 2]
    options.said = "".join(f" {a}" for a in given)
    text = measure(options)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
