"""Importable work for the fan-out tests: spawned processes import it by name."""

import os
import signal
import time

from har.errors import DataError


def square(x, report):
    return x * x


def work(item, report):
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "exit":
        os._exit(3)
    if item == "raise":
        raise ValueError("no such luck")
    if item == "har":
        raise DataError("a file is not a file")
    report(f"half of {item}")
    return os.environ["TF_NUM_INTRAOP_THREADS"], os.getpid()


def slow(item, report):
    time.sleep(item)
    return os.getpid()


def endless(item, report):
    report(os.getpid())
    time.sleep(3600)


def compiled(item, report):
    """Items are (kind, number); tells the process and when it was done."""
    time.sleep(0.05)
    return os.getpid(), time.monotonic()


def device(item, report):
    """Tells when it began and ended, and what it may see."""
    begin = time.monotonic()
    time.sleep(0.2)
    names = ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS", "XLA_PYTHON_CLIENT_PREALLOCATE")
    return begin, time.monotonic(), [os.environ.get(name) for name in names]


def backend(item, report):
    return os.environ["KERAS_BACKEND"], os.getpid()
