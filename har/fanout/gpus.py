"""The GPUs of this machine, found without importing what would take their memory."""

from __future__ import annotations

import functools
import os
import subprocess

from har.errors import ConfigError

CHANGES_NO_RESULT = True

VISIBLE = "CUDA_VISIBLE_DEVICES"
ANY = "any"
"""In place of a GPU's name in the environment of an item that wants one: its process gets one."""

NONE = (
    "training.device is gpu, and nvidia-smi shows none here that CUDA_VISIBLE_DEVICES allows. Set "
    "training.device to cpu, or train on a machine that has one."
)

_ASKED = os.environ.get(VISIBLE)
"""What the user lets this program see, before `hide`."""


@functools.cache
def visible() -> tuple[str, ...]:
    """Names of the GPUs that this program may use, as CUDA takes them; none without a driver.

    CUDA_VISIBLE_DEVICES limits them, as it does everywhere.
    """
    if _ASKED is not None:
        names = [name.strip() for name in _ASKED.split(",")]
        # CUDA takes no device after one that it does not know, of which -1 is the usual one.
        return tuple(names[: names.index("-1")] if "-1" in names else filter(None, names))
    try:
        found = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in found.stdout.splitlines() if line.strip())


def seats(per_gpu: int) -> list[str]:
    """A GPU for each process that may have one.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if not (found := visible()):
        raise ConfigError(NONE)
    return list(found) * per_gpu


def hide() -> None:
    """Keep this process, and all that it starts without saying otherwise, from every GPU: the first
    use of one takes most of its memory. Not those processes that are given a GPU to train on."""
    os.environ[VISIBLE] = "-1"
