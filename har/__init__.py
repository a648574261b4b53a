"""har: from raw accelerometer recordings to an activity classifier on a phone."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("har-accelerometer")
except PackageNotFoundError:  # running from a checkout that was never installed
    __version__ = "0+unknown"

_OFFERED = {
    "ActivityClassifier": "har.api.classifier",
    "Bundle": "har.api.bundles",
    "Recording": "har.recording",
    "check": "har.api.examination",
    "from_frame": "har.api.collection",
    "load_dataset": "har.api.collection",
    "read": "har.api.collection",
    "run": "har.api.runs",
    "windows": "har.api.cutting",
}
__all__ = [*_OFFERED]


def __getattr__(name: str) -> object:
    """What is offered is imported when it is used: `import har` itself imports nothing heavy."""
    if name not in _OFFERED:
        raise AttributeError(f"module 'har' has no attribute {name!r}")
    return getattr(import_module(_OFFERED[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_OFFERED})


CHANGES_NO_RESULT = True  # see har.code
