"""har: from raw accelerometer recordings to an activity classifier on a phone."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("har-accelerometer")
except PackageNotFoundError:  # running from a checkout that was never installed
    __version__ = "0+unknown"

CHANGES_NO_RESULT = True  # see har.code
