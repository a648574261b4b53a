"""Reads like the ingest stage, but one file kills the process that reads it, or fills the disk."""

from __future__ import annotations

import errno
import os
import signal

from har.ingest import reading


def read_batch(item, _report=None):
    if any(source.extra["shown"].endswith("bob/run_1.csv") for source in item[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return reading.read_batch(item)


def read_batch_that_fills_the_disk(item, _report=None):
    if any(source.extra["shown"].endswith("bob/run_1.csv") for source in item[1]):
        raise OSError(errno.ENOSPC, "No space left on device")
    return reading.read_batch(item)
