"""A wearer's correction as a file: `har adapt` writes it, `har predict --adapter` uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from har.contract import Contract, Part, absent
from har.errors import AdapterError, HarError
from har.runtime.bundle import Bundle
from har.runtime.chain import Positive
from har.runtime.correction import Correction, Evidence
from har.runtime.familiarity import Ruler, packed, unpacked
from har.runtime.interpreter import Answers
from har.runtime.manifest import Sha256

SCHEMA: Final = "har-adapter/1"


class Verified(Part):
    """What the correction did to labelled blocks, each left out of the fit in turn."""

    blocks: Positive
    windows: Positive
    log_loss_before: float
    log_loss_after: float

    @property
    def helps(self) -> bool:
        """Whether the correction lowers the log loss there."""
        return self.log_loss_after < self.log_loss_before


class Adapter(Contract):
    """A correction of one bundle's answers for one wearer."""

    error: ClassVar[type[HarError]] = AdapterError

    contract: Literal["har-adapter/1"] = Field(alias="schema")
    pipeline: str
    model: str
    bundle: Sha256 = Field(description="of the bundle's float32 file: no other can use this")
    activities: tuple[str, ...] = Field(
        min_length=2, description="the bundle's, then those that only the wearer taught"
    )
    weights: str = Field(
        description="base64 of little-endian float32, a row for each feature, a column for each "
        "activity"
    )
    offset: tuple[float, ...]
    unheard: Annotated[float, Field(gt=0, lt=1)]
    taught: dict[str, Positive] = Field(description="windows of each activity")
    known: str | None = absent(
        "base64 of little-endian float32: of each activity that was taught, the mean of the "
        "features by which the bundle measures distances, so that it is not `unknown`"
    )
    verified: Verified | None = absent("left out where too little was taught to leave some out")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        m = len(self.activities)
        if len(set(self.activities)) < m or len(self.offset) != m:
            raise ValueError(
                f"offset should have a number for each of {m} activities, all different, got "
                f"{len(self.offset)}"
            )
        self.correction()
        if self.known is not None:
            unpacked(self.known, "known")
        return self

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        correction: Correction,
        activities: tuple[str, ...],
        taught: dict[str, int],
        verified: Verified | None,
        known: np.ndarray | None,
    ) -> Adapter:
        """The file of a correction; `known` as `knowing` takes it, shape (m, q)."""
        return cls(
            schema=SCHEMA,
            pipeline=bundle.manifest.pipeline,
            model=bundle.manifest.model,
            bundle=bundle.manifest.variants["float32"].sha256,
            activities=activities,
            weights=packed(correction.weights),
            offset=tuple(correction.offset.tolist()),
            unheard=correction.unheard,
            taught=taught,
            verified=verified,
            known=None if known is None else packed(known),
        )

    def correction(self) -> Correction:
        """What it holds.

        Raises
        ------
        ValueError
            If the weights are not what the schema says.
        """
        flat, m = unpacked(self.weights, "weights"), len(self.activities)
        if len(flat) % m:
            raise ValueError(
                f"weights should be {m} finite numbers for each feature, got {len(flat)} numbers"
            )
        return Correction(flat.reshape(-1, m), np.array(self.offset), self.unheard)

    def knowing(self, ruler: Ruler) -> Ruler:
        """A bundle's ruler that knows what the wearer taught, too.

        Raises
        ------
        AdapterError
            If it was made for a ruler of other features.
        """
        if self.known is None:
            return ruler
        means, q = unpacked(self.known, "known"), len(ruler.features)
        if len(means) != q * len(self.taught):
            raise AdapterError(
                f"This adapter has {len(means)} numbers of what is known, the bundle measures "
                f"{len(self.taught)} activities by {q} features. It was changed: run har adapt "
                "again."
            )
        return ruler.knowing(means.reshape(-1, q))

    def correction_for(self, bundle: Bundle) -> Callable[[Answers], np.ndarray]:
        """What turns a bundle's answers for n windows into probabilities (n, m).

        Raises
        ------
        AdapterError
            If it was made for another bundle.
        """
        about, correction = bundle.manifest, self.correction()
        if self.bundle != about.variants["float32"].sha256:
            raise AdapterError(
                f"This adapter is for {self.pipeline}/{self.model}, made of another file than "
                f"{bundle.folder} ({about.pipeline}/{about.model}) holds. Run har adapt again."
            )
        n = about.features.shape[1] if about.features else 0
        if self.activities[: len(about.activities)] != about.activities or n != len(
            correction.weights
        ):
            raise AdapterError(
                f"This adapter has the activities {', '.join(self.activities)} and "
                f"{len(correction.weights)} features; the bundle has "
                f"{', '.join(about.activities)} and {n}. It was changed: run har adapt again."
            )
        return lambda answers: correction(Evidence(answers.features, answers.probabilities))
