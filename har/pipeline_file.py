"""A pipeline file read: found by its name, overridden, and validated with every mistake at once."""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from har import strict_yaml
from har.config import Pipeline
from har.errors import ConfigError, did_you_mean
from har.own_recordings import Section

CHANGES_NO_RESULT = True

FILL_IN = "FILL_IN"
"""In a drafted pipeline file, what only the user knows."""

BUDGETS = ("epochs", "steps")
"""Of a training: one takes the place of the other, and patience is counted in it."""

MAX_PROBLEMS = 4
"""Lines of an error."""


def packaged_pipelines() -> Path:
    """The folder of pipeline files: beside the package in a checkout, inside it in a wheel."""
    inside = Path(__file__).parent / "pipelines"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "pipelines"


def pipeline_names() -> list[str]:
    """Those in `pipelines/` here, and the package's own."""
    folders = (Path("pipelines"), packaged_pipelines())
    return sorted({p.stem for folder in folders for p in folder.glob("*.yaml")})


def find_pipeline(name_or_path: str | os.PathLike[str]) -> Path:
    """A path as it is; a bare name from `pipelines/` here, else from the package's own."""
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if path.is_file():
            return path
        raise ConfigError(f"No pipeline file at {path}.")
    for folder in (Path("pipelines"), packaged_pipelines()):
        candidate = folder / f"{name_or_path}.yaml"
        if candidate.is_file():
            return candidate
    names = pipeline_names()
    raise ConfigError(
        f"No pipeline named {str(name_or_path)!r}{did_you_mean(str(name_or_path), names)} "
        f"Known: {', '.join(names)}; or give the path of a .yaml file."
    )


def load(name_or_path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Pipeline:
    """Read, override and validate a pipeline file.

    Parameters
    ----------
    name_or_path : str
        `watch`, or `my/pipeline.yaml`.
    overrides : iterable of str
        `training.epochs=3`, `models=[lstm, cnn]`: a dotted key and a YAML value.

    Raises
    ------
    ConfigError
        With every problem in the file at once, and the nearest known key for an unknown one.
    """
    path = find_pipeline(name_or_path)
    raw = strict_yaml.read(path)
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} must hold keys and values, got {type(raw).__name__}.")
    raw.setdefault("name", path.stem)
    laid = values(raw, overrides)
    if left := [*_to_fill_in(laid)]:
        lines = "\n".join(f"  {key}" for key in left)
        raise ConfigError(f"{path} is incomplete. Replace FILL_IN in:\n{lines}")
    return parse(laid, where=str(path))


def _to_fill_in(value: Any, at: str = "") -> Iterator[str]:
    """The keys whose value says that it is to be filled in."""
    if value == FILL_IN:
        yield at
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, of in value.items() if isinstance(value, dict) else ():
        yield from _to_fill_in(of, f"{at}.{key}" if at else str(key))


def values(raw: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A mapping with `a.b=value` texts laid over it, in place.

    What contradicts a new value goes: another scheme's test subjects, the budget in another unit
    and its patience.
    """
    for text in sorted(overrides, key=lambda text: text.startswith("training.patience=")):
        _override(raw, text)
    return raw


def parse(raw: Mapping[str, Any], *, where: str = "pipeline") -> Pipeline:
    """Validate a mapping; see `load`."""
    try:
        return Pipeline.model_validate(raw)
    except ValidationError as e:
        problems = list(dict.fromkeys(f"  {_explain(dict(err))}" for err in e.errors()))
        if len(problems) > MAX_PROBLEMS:
            more = len(problems) - MAX_PROBLEMS + 1
            problems[MAX_PROBLEMS - 1 :] = [f"  … and {more} more."]
        raise ConfigError("\n".join([f"{where}:", *problems])) from None


def _override(raw: dict[str, Any], text: str) -> None:
    key, eq, value = text.partition("=")
    if not eq or not key:
        raise ConfigError(f"--set takes KEY=VALUE, such as training.epochs=3; got {text!r}.")
    parts = key.strip().split(".")
    here: dict[str, Any] = raw
    for part in parts[:-1]:
        inner = here.get(part)
        if inner is None:
            inner = here[part] = {}
        elif not isinstance(inner, dict):
            raise ConfigError(f"--set {text}: {part!r} is a value, it has no key {parts[-1]!r}.")
        here = inner
    if parts == ["split", "scheme"]:  # another scheme's test subjects would contradict it
        here.pop("subjects", None)
        here.pop("test", None)
    if parts[0] == "training" and parts[-1] in BUDGETS:
        other = BUDGETS[1 - BUDGETS.index(parts[-1])]
        if here.pop(other, None) is not None:
            here.pop("patience", None)
    try:
        here[parts[-1]] = strict_yaml.parse(value)
    except ConfigError as e:
        raise ConfigError(f"--set {text}: {value!r} is not a YAML value: {e}") from e


def _explain(err: dict[str, Any]) -> str:
    loc = [
        str(p)
        for p in err["loc"]
        if not re.fullmatch(r"[A-Z]\w*|str|tuple\[.*|dict\[.*|literal\[.*", str(p))
    ]
    where = ".".join(loc) or "the file"
    if err["type"] == "extra_forbidden":
        known = _keys_at(loc[:-1])
        return f"{where}: unknown key{did_you_mean(loc[-1], known)} Known: {', '.join(known)}."
    if err["type"] == "missing":
        return f"{where}: is required."
    message = err["msg"].removeprefix("Value error, ")
    got = "" if err["type"] == "value_error" else f", got {reprlib.repr(err['input'])}"
    return f"{where}: {message}{got}."


def _keys_at(loc: list[str]) -> list[str]:
    """The keys that the section at a location takes."""
    section: Any = Pipeline
    for part in loc:
        if part.isdigit():
            continue
        field = section.model_fields.get(part)
        options = (field.annotation, *get_args(field.annotation)) if field else ()
        options = tuple(o for x in options for o in (x, *get_args(x)))
        section = next((o for o in options if isinstance(o, type) and issubclass(o, Section)), None)
        if section is None:
            return []
    return list(section.model_fields)
