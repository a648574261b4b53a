"""C++ libraries that write to stderr, whatever their log level: kept quiet."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

CHANGES_NO_RESULT = True


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The libraries' C++ parts write to stderr, whatever the log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
