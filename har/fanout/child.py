"""`python -m har.fanout.child PID`: one item of work, for a worker of a cluster, which is PID.

A pickled (function, item, terms) comes on stdin. What goes to stdout is pickled too:
("report", message) any number of times, then ("result", Done or Failed), or ("unfit", why) if this
machine does not meet the terms. What libraries print goes to stderr.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any

from har.fanout.outcome import Terms, attempt, end_with_parent

CHANGES_NO_RESULT = True


def main() -> None:
    end_with_parent(int(sys.argv[1]))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), out)
        out.flush()

    terms: Terms
    function, item, terms = pickle.load(sys.stdin.buffer)  # nosec B301  # from the parent process
    if (why := terms.unmet()) is not None:
        send("unfit", why)
        return
    send("result", attempt(function, item, lambda message: send("report", message)))


if __name__ == "__main__":
    main()
