"""Faces that training does not see, with their labels: of a dataset, or kept out of FEID itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from feab.data import load_dataset
from feab.data.columns import au_column
from feab.data.feid import Feid, FeidRecord
from feab.data.feid.columns import ORIGINS
from feab.errors import FeabError
from feab.records import Sample
from feab.tasks import Task, load_tasks
from feab.tasks.attributes import ATTRIBUTES, Attributes
from feab.tasks.made import made_for
from feab.training.sft.recipe import Validation
from feab.training.sft.shown import described
from feab.vocabulary import EXPRESSIONS, FEAB_17

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What is asked while training, and what is true."""

    samples: Sequence[Sample]
    labels: pd.DataFrame
    tasks: tuple[Task, ...]
    name: str
    """Where the faces come from, in a few words."""
    rows: tuple[int, ...] = ()
    """Conversations of FEID about these people, which are not learnt from."""


def held_out(validation: Validation, feid: Feid, seed: int, attributes: Attributes | None = None) -> HeldOut:
    """The faces a recipe examines on; with `attributes`, they are told of before each question.

    Raises:
        FeabError: when the dataset is one that FEID was made from, split included; or nothing can be asked.
    """
    if validation.dataset is not None:
        held = _of_dataset(validation, validation.dataset, feid, seed)
    else:
        held = _of_feid(validation, feid, seed)
    if attributes is None:
        return held
    samples = held.samples if validation.dataset is not None else _with_attributes(held.samples, feid)
    return replace(held, samples=samples, tasks=tuple(replace(task, attributes=attributes) for task in held.tasks))


def _with_attributes(samples: Sequence[Sample], feid: Feid) -> list[Sample]:
    """Faces of FEID with what their datasets say of them."""
    known = {f"{source}/{name}": one for (source, name), one in described(feid).items()}
    found = []
    for sample in samples:
        told: dict[str, Any] = {name: getattr(known.get(sample.id), name, None) for name in ATTRIBUTES}
        found.append(replace(sample, **told))
    return found


def _of_dataset(validation: Validation, name: str, feid: Feid, seed: int) -> HeldOut:
    dataset = load_dataset(name, validation.split)
    for source in feid.info.sources:
        if source.fingerprint == dataset.fingerprint:
            raise FeabError(
                f"validation: the data were made from {source.dataset}/{source.split}, the faces of which would be "
                "learnt and examined on; name another split"
            )
    tasks = load_tasks(validation.tasks) if validation.tasks else made_for(dataset)
    rows = _some(len(dataset), validation.samples, seed)
    samples = [dataset[int(row)] for row in rows]
    return HeldOut(samples, dataset.labels().iloc[rows], tuple(tasks), f"{dataset.name}/{dataset.split}")


def _some(count: int, most: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most so many of `count` rows, drawn once and in rising order."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.permutation(count)[:most]).astype(np.int64)


def _of_feid(validation: Validation, feid: Feid, seed: int) -> HeldOut:
    """People drawn until their faces are the share asked for; all conversations about them are kept out."""
    table = feid.table(["sample", "source", "subject", *ORIGINS.values()])
    rows = list(zip(*(table.column(name).to_pylist() for name in ("sample", "source", "subject")), strict=True))
    judged = [
        "human" in told for told in zip(*(table.column(name).to_pylist() for name in ORIGINS.values()), strict=True)
    ]
    people = [(source, subject or sample) for sample, source, subject in rows]
    faces: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for (sample, source, _), person in zip(rows, people, strict=True):
        faces.setdefault(person, set()).add((source, sample))
    wanted = validation.held_out * sum(map(len, faces.values()))
    order = np.random.default_rng(seed).permutation(len(faces))
    everyone = list(faces)
    chosen: set[tuple[str, str]] = set()
    taken = 0
    for number in order:
        if taken >= wanted:
            break
        chosen.add(everyone[int(number)])
        taken += len(faces[everyone[int(number)]])
    if len(chosen) == len(faces):
        raise FeabError(
            "validation: the data are about too few people to keep some out; name a dataset, or `validation: null`"
        )
    kept = tuple(row for row, person in enumerate(people) if person in chosen)
    first: dict[tuple[str, str], int] = {}
    for row in kept:
        if judged[row]:
            first.setdefault((rows[row][1], rows[row][0]), row)
    if not first:
        raise FeabError(
            "validation: people labelled none of the faces that were kept out, so nothing is known of them; name a "
            "dataset, raise `held_out`, or `validation: null`"
        )
    some = [list(first.values())[int(k)] for k in _some(len(first), validation.samples, seed)]
    samples = [_sample(feid[row]) for row in some]
    faces_kept = _Faces(feid.info.name, samples)
    tasks = load_tasks(validation.tasks) if validation.tasks else made_for(faces_kept)  # type: ignore[arg-type]
    return HeldOut(samples, faces_kept.labels(), tuple(tasks), f"people kept out of {feid.info.name}", kept)


def _sample(record: FeidRecord) -> Sample:
    """A face of FEID with what people said of it; what a model said is no truth to be examined by."""
    labels = record.labels
    human = {kind for kind, origin in labels.origins.items() if origin == "human"}
    va = labels.valence_arousal if "valence_arousal" in human else None
    units = labels.action_units if "action_units" in human else None
    presence = {} if units is None else {au: float(au in units) for au in sorted(labels.coded)}
    return Sample(
        id=f"{record.source}/{record.sample}",
        media=record.images[0],
        frames=record.images if len(record.images) > 1 else (),
        expression=labels.expression if "expression" in human else None,
        valence=None if va is None else va[0],
        arousal=None if va is None else va[1],
        au_presence=MappingProxyType(presence),
        subject=record.subject,
        source=record.source,
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What `made_for` asks of a dataset's dataset.json."""

    aus: tuple[int, ...] = FEAB_17
    labels: tuple[str, ...] = EXPRESSIONS


class _Faces:
    """Held-out faces of FEID, as far as tasks are made for a dataset."""

    def __init__(self, name: str, samples: Sequence[Sample]) -> None:
        self.name, self.split, self.path, self.info = name, "held-out", name, _Known()
        self.has_clips = any(sample.frames for sample in samples)
        self._samples = samples

    def labels(self, columns: Collection[str] | None = None) -> pd.DataFrame:
        """A row a face; the columns of a dataset's Parquet file that have values."""
        import pandas as pd

        units = {
            au_column(au, "presence"): [sample.au_presence.get(au, float("nan")) for sample in self._samples]
            for au in FEAB_17
        }
        plain = ("id", "expression", "valence", "arousal", "subject", "source")
        frame = pd.DataFrame({name: [getattr(sample, name) for sample in self._samples] for name in plain} | units)
        frame = frame.astype({"valence": "float32", "arousal": "float32"}).dropna(axis="columns", how="all")
        kept: pd.DataFrame = frame if columns is None else frame[[name for name in frame if name in columns]]
        return kept
