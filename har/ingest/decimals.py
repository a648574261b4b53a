"""Texts of numbers, with a point or a comma, and thousands set apart or not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np


def numbers(column: np.ndarray, decimal: str = ".") -> np.ndarray:
    """float64; what is no number becomes NaN.

    Thousands may be set apart.

    Examples
    --------
    >>> numbers(np.array(["1,000.5", "12", "-"], dtype=object))
    array([1000.5,   12. ,    nan])
    """
    if np.issubdtype(column.dtype, np.number):
        return column.astype(np.float64)
    import pandas as pd

    series = pd.Series(column, dtype="string").str.strip(" ;")
    plain = series
    if decimal != ".":
        plain = series.str.replace(".", "", regex=False) if _in_thousands(series) else series
        plain = plain.str.replace(decimal, ".", regex=False)
    values = pd.to_numeric(plain, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    left = np.flatnonzero(np.isnan(values) & series.notna().to_numpy())
    if len(left):
        apart = rf"[{'.' if decimal == ',' else ','}'’\s]"
        form = rf"[-+]?\d{{1,3}}(?:{apart}\d{{3}})+(?:{re.escape(decimal)}\d*)?"
        some = series.iloc[left]
        some = some[some.str.fullmatch(form)].str.replace(apart, "", regex=True)
        some = some.str.replace(decimal, ".", regex=False)
        values[some.index] = some.astype("float64")
    return values


def _in_thousands(series: Any) -> bool:
    """Whether the points of a column with decimal commas set thousands apart.

    Each does, and some value shows it: it has two of them, a comma, or is below 1,000.
    """
    pointed = series.str.contains(".", regex=False).fillna(False)
    if not pointed.any():
        return False
    whole = series[pointed].str.fullmatch(r"[-+]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?")
    if not whole.all():
        return False
    shown = series[pointed].str.contains(r"\..*[.,]", regex=True).any()
    return bool(shown or (~pointed & series.notna()).any())
