"""Which face network is read and how large the module is: `face_info_config.json` beside an adapter's weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feab.jsonfile import validated
from feab.yamlfile import read_bytes

CONFIG_NAME = "face_info_config.json"
MAX_CONFIG_BYTES = 64_000

NetworkName = Literal["mediapipe", "rendered", "insightface-2d106", "facexformer"]
"""The face networks that can be named in files; see `feab.models.faceinfo.networks`."""


class FaceInfo(BaseModel):
    """What a recipe says under `face_info`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["mining", "prior-token"] = "mining"
    """mining: Face Info Mining with its clue aggregator. prior-token: EmoLA's, one token made of the landmarks."""
    network: NetworkName = "mediapipe"
    weights: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """The file of a network that is not had through feab (insightface-2d106, facexformer: ONNX)."""
    width: Annotated[int, Field(ge=16, le=4096, multiple_of=8)] = 128
    """Of the module's own tokens."""
    heads: Annotated[int, Field(ge=1, le=64)] = 4
    queries: Annotated[int, Field(ge=1, le=64)] = 4
    """Of the clue aggregator: the tokens that it makes."""
    depth: Annotated[int, Field(ge=1, le=12)] = 2
    """Layers of the clue aggregator."""
    crop: Annotated[int, Field(ge=0, le=128, multiple_of=8)] = 24
    """Pixels a side of the grey squares around eyes, brows, nose, mouth and jaw that the local branch sees; 0: it sees
    their landmarks and shapes only."""
    every: Annotated[int, Field(ge=1, le=100)] = 1
    """Every which layer of the language model reads the tokens, the last one always."""
    question_tokens: Annotated[int, Field(ge=0, le=512)] = 64
    """Tokens of the question that the clue aggregator is given, the first ones; 0: it does not know what is asked."""

    @model_validator(mode="after")
    def _fits(self) -> FaceInfo:
        if self.width % self.heads:
            raise ValueError(f"heads {self.heads} do not divide width {self.width}")
        if (self.weights is None) != (self.network in ("mediapipe", "rendered")):
            which = "needs `weights`: the ONNX file" if self.weights is None else "has weights of its own, leave it out"
            raise ValueError(f"weights: {self.network} {which}")
        return self


class FaceInfoConfig(BaseModel):
    """What lies in an adapter's folder: all that is needed to make the module again, and no path on any machine."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = 1
    info: FaceInfo
    """As in the recipe, but for `weights`, which is "given" where they are the user's own."""
    network_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """sha256 of the face network's weights: with others, the same numbers would mean something else."""


GIVEN = "given"
"""What stands for a path in an adapter's folder."""


def write_config(folder: Path, info: FaceInfo, digest: str) -> None:
    """Write the configuration beside an adapter's weights."""
    kept = info if info.weights is None else info.model_copy(update={"weights": GIVEN})
    text = json.dumps(FaceInfoConfig(info=kept, network_digest=digest).model_dump(mode="json"), indent=1)
    (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")


def read_config(folder: Path) -> FaceInfoConfig | None:
    """The configuration in an adapter's folder; None where it has no such module.

    Raises:
        FeabError: when it is broken, of another version, or names what feab does not know.
    """
    path = folder / CONFIG_NAME
    if not path.exists():
        return None
    return validated(FaceInfoConfig, read_bytes(path, MAX_CONFIG_BYTES), path)
