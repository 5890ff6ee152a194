"""From a stored picture to an answer: what each kind of network is shown, and how its outputs are put into words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from feab.models.images import decode
from feab.models.networks.blendshapes import AUS, Blendshapes
from feab.records import Failure, Question
from feab.vocabulary import Kind

NO_FACE = "No face was found in this picture."
"""What is said where there is nothing to read: text that means no answer."""

ACTIVE = 0.5
"""The activity from which an AU is named, where nothing else is given."""

Share = Annotated[float, Field(ge=0, le=1)]

Said: TypeAlias = tuple[str, Mapping[str, float] | None]
"""A text, and probabilities where there are any."""


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ExpressionOptions(_Options):
    """What the expression networks take. A dataset's face fills the picture more or less tightly; this evens it out."""

    crop: float = Field(1.0, ge=0.1, le=1, description="edge of the square shown, as a share of the shorter edge")
    middle: Share = Field(0.5, description="height of the square's middle, from 0 (top) to 1 (bottom)")


class BlendshapeOptions(_Options):
    """What `baseline/mediapipe-blendshapes` takes."""

    thresholds: Mapping[int, Share] = Field(
        {}, description=f"in a card: AU: the activity from which it is named, {ACTIVE} for others"
    )
    threshold: Share | None = Field(None, description="one such activity for all AUs, instead of thresholds")

    @field_validator("thresholds")
    @classmethod
    def _known(cls, value: Mapping[int, float]) -> Mapping[int, float]:
        unknown = sorted(set(value) - set(AUS))
        if unknown:
            raise ValueError(f"cannot be read by this network: AU {', '.join(map(str, unknown))}")
        return value

    def cut(self, au: int) -> float:
        """The activity from which an AU is named."""
        return self.thresholds.get(au, ACTIVE) if self.threshold is None else self.threshold


class Reader(Protocol):
    """One network, with what its answers mean."""

    kind: Kind

    def read(self, data: bytes, question: Question) -> Said | Failure:
        """The answer about one stored picture. Raises `ImageError` for a picture that cannot be decoded."""
        ...

    def close(self) -> None:
        """Release the network."""
        ...


class Classifier(Protocol):
    """A network that gives one probability for each of its labels."""

    labels: tuple[str, ...]
    edge: int

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities for a square RGB picture of `edge` pixels."""
        ...


class ExpressionReader:
    """Names the likeliest of the labels that a task offers."""

    kind: Kind = "expression"

    def __init__(self, network: Classifier, options: ExpressionOptions) -> None:
        self._network = network
        self._options = options

    def read(self, data: bytes, question: Question) -> Said | Failure:
        """The likeliest label offered, and the network's probability of each label that it and the task know.

        The probabilities are the network's own: they are not made to sum to 1 where the task offers fewer labels, and
        a label that the network does not know has none.
        """
        pixels = square(data, self._options.crop, self._options.middle, self._network.edge)
        found = dict(zip(self._network.labels, map(float, self._network(pixels)), strict=True))
        offered = {label: min(found[label], 1.0) for label in question.choices if label in found}
        if not offered:
            return Failure("labels", f"none of those asked for is known to this network, only {', '.join(found)}")
        best = max(offered, key=offered.__getitem__)
        return _in_form(question, {"expression": best}, best), offered

    def close(self) -> None:
        """Nothing to release."""


class BlendshapeReader:
    """Names the AUs whose activity reaches their threshold."""

    kind: Kind = "action_units"

    def __init__(self, network: Blendshapes, options: BlendshapeOptions) -> None:
        self._network = network
        self._options = options

    def read(self, data: bytes, question: Question) -> Said:
        """The active ones of the AUs that a task lists. Activities are no probabilities, so none are given."""
        found = self._network(np.asarray(decode(data)))
        if found is None:
            return NO_FACE, None
        asked = sorted(map(int, question.choices))
        active = [au for au in asked if au in found and found[au] >= self._options.cut(au)]
        return _in_form(question, {"action_units": active}, ", ".join(f"AU{au}" for au in active) or "none"), None

    def close(self) -> None:
        """Release the network."""
        self._network.close()


def _in_form(question: Question, as_json: Mapping[str, Any], as_words: str) -> str:
    """An answer in the form that the question asks for."""
    return as_words if question.schema is None else json.dumps(as_json)


def square(data: bytes, crop: float, middle: float, edge: int) -> npt.NDArray[np.uint8]:
    """A square part of a stored picture, scaled to `edge` pixels: RGB, (edge, edge, 3).

    Args:
        data: the encoded picture.
        crop: the square's edge as a share of the picture's shorter edge, in (0, 1].
        middle: the height of its middle as a share of the picture's height; sideways it is centred. A square that
            would stick out is moved in.
        edge: pixels along an edge of the result.
    """
    from PIL import Image as Pillow

    picture = decode(data)
    size = crop * min(picture.size)
    left = (picture.width - size) / 2
    top = min(max(middle * picture.height - size / 2, 0), picture.height - size)
    return np.asarray(picture.resize((edge, edge), Pillow.Resampling.BICUBIC, box=(left, top, left + size, top + size)))
