"""Files that other programs read: a pydantic model reads, writes and describes each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from har.errors import HarError, StoreError
from har.files import json_text, replace_file

MAX_PROBLEMS = 5


class Part(BaseModel):
    """A part of a contract: immutable, every field known, no value converted to another type."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, serialize_by_alias=True
    )

    def as_json(self) -> dict[str, Any]:
        """What the file holds."""
        return self.model_dump(mode="json")


def absent(description: str | None = None, *, alias: str | None = None) -> Any:
    """A field that is left out of the file where there is nothing to say."""
    return Field(None, exclude_if=lambda v: v is None, description=description, alias=alias)


class Contract(Part):
    """A whole file; `error` is what is raised where one cannot be read."""

    error: ClassVar[type[HarError]] = StoreError

    @classmethod
    def read(cls, path: Path, *, again: str) -> Self:
        """Read a file.

        Parameters
        ----------
        again : str
            The command that writes it anew.

        Raises
        ------
        HarError
            If there is no such file, or one with a field that is missing, unknown or ill-typed,
            which is named.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise cls.error(f"There is no {path}. Run: {again}") from None
        except ValidationError as e:
            problems = [f"  {_said(dict(error))}" for error in e.errors()[:MAX_PROBLEMS]]
            if e.error_count() > MAX_PROBLEMS:
                problems.append(f"  and {e.error_count() - MAX_PROBLEMS} more")
            raise cls.error(
                f"{path} is not what this version writes:\n"
                + "\n".join(problems)
                + f"\nAnother version wrote it, or it was changed since. Run: {again}"
            ) from None

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        replace_file(path, json_text(self.as_json()).encode())

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON schema of the file, as it is shipped beside the module."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **cls.model_json_schema(schema_generator=_Plain),
        }


class _Plain(GenerateJsonSchema):
    """Without a title for each field, which would be its name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def _said(error: dict[str, Any]) -> str:
    """`models.cnn.macro_f1: Input should be a valid number, got 'high'`."""
    # A tag in brackets says which member of a union was tried, and is not in the file.
    where = ".".join(p for p in map(str, error["loc"]) if not p.startswith("(")) or "the file"
    got = f", got {error['input']!r}"
    if error["type"] in ("missing", "extra_forbidden", "value_error") or len(got) > 80:
        got = ""
    return f"{where}: {error['msg'].removeprefix('Value error, ')}{got}"
