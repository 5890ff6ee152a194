"""Conversations as they are shown to the model: within the budget of frames, told of attributes where a recipe says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from feab.data import load_dataset
from feab.data.feid import Feid, FeidRecord
from feab.errors import FeabError
from feab.records import Image, Message, Sample, Text
from feab.tasks.attributes import attribute_words, told
from feab.training.sft.recipe import SftRecipe

Face = tuple[str, str]
"""Source and id of a face in FEID."""


def as_shown(feid: Feid, recipe: SftRecipe) -> Iterable[FeidRecord]:
    """The records of a FEID as a recipe shows them.

    Raises:
        FeabError: when attributes are wanted, and the dataset they stand in is not here or has none.
    """
    words = {} if recipe.attributes is None else {face: attribute_words(one) for face, one in described(feid).items()}
    if recipe.attributes is not None and not any(words.values()):
        raise FeabError("attributes: the dataset that the data were made from says nothing of age, gender or race")
    return _shown(feid, recipe.frames, words)


def _shown(feid: Feid, frames: int | None, words: Mapping[Face, str]) -> Iterator[FeidRecord]:
    for record in feid:
        within = record if frames is None else within_budget(record, frames)
        yield _told(within, words.get((record.source, record.sample), ""))


def described(feid: Feid) -> dict[Face, Sample]:
    """The faces that a FEID was made from, as their datasets have them; pictures are not read.

    Raises:
        FeabError: when one of the datasets is not here, or is another.
    """
    found: dict[Face, Sample] = {}
    for source in feid.info.sources:
        dataset = load_dataset(source.dataset, source.split)
        if dataset.fingerprint != source.fingerprint:
            raise FeabError(
                f"attributes: {source.dataset}/{source.split} here is not the one that the data are made from"
            )
        for row in range(len(dataset)):
            sample = dataset[row]
            found[sample.source or source.dataset, sample.id] = sample
    return found


def within_budget(record: FeidRecord, frames: int) -> FeidRecord:
    """A conversation with at most so many of its pictures, the first and the last among them where there are two."""
    count = len(record.images)
    if count <= frames:
        return record
    kept = {int(place) for place in np.linspace(0, count - 1, frames).round()} if frames > 1 else {count // 2}
    numbers = iter(range(count))
    messages = tuple(
        Message(m.role, tuple(part for part in m.parts if not isinstance(part, Image) or next(numbers) in kept))
        for m in record.messages
    )
    return replace(record, messages=messages, images=tuple(record.images[place] for place in sorted(kept)))


def _told(record: FeidRecord, words: str) -> FeidRecord:
    """The words before the first question; further questions are about the same face."""
    if not words:
        return record
    first, *rest = record.messages
    at = next(place for place, part in enumerate(first.parts) if isinstance(part, Text))
    text = first.parts[at]
    assert isinstance(text, Text)
    parts = (*first.parts[:at], Text(told(text.text, words)), *first.parts[at + 1 :])
    return replace(record, messages=(Message(first.role, parts), *rest))
