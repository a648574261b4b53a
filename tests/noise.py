"""Warnings of libraries that a test cannot mend, where warnings are errors."""

import pytest

MLFLOW = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",  # of MLflow's own imports
    "ignore::FutureWarning",
    "ignore::UserWarning:mlflow",
    "ignore::ResourceWarning",  # MLflow keeps its SQLite connections open
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
