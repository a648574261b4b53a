"""Libraries' C and C++ parts, which write past Python's streams: kept quiet."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

CHANGES_NO_RESULT = True

STDOUT, STDERR = 1, 2


@contextlib.contextmanager
def quiet(stream: int = STDERR) -> Iterator[None]:
    """Nothing that C or C++ code writes to a stream comes out, whatever its log level."""
    (sys.stdout if stream == STDOUT else sys.stderr).flush()
    kept = os.dup(stream)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream)
        yield
    finally:
        os.dup2(kept, stream)
        os.close(kept)
