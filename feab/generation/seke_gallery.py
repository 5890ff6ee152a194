"""The gallery of SEKE's report: decided, verified and rejected faces with all that was said of them."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from feab.data.annotations import AnnotationLine, read_annotations
from feab.generation.asked import TASK
from feab.generation.outcomes import Standing
from feab.generation.phrases import rounded
from feab.generation.record import LEVELS, Level
from feab.generation.sources import Source
from feab.generation.store import DRAWS
from feab.journal import read_predictions
from feab.plots.page import number
from feab.plots.text import shortened
from feab.records import Outcome
from feab.runs.choosing import MOST
from feab.runs.portraits import data_urls
from feab.runs.sections import KINDS
from feab.runs.words import value_in_words
from feab.schemas import Prediction, VaValue

Status = Literal["decided", "verified", "rejected"]

STATUSES: Mapping[Status, str] = {
    "rejected": "rejected",
    "verified": "verified",
    "decided": "decided without verification",
}
MAX_TEXT = 500
"""Characters of one raw answer that are shown."""
CUT = "cut off, read as far as it goes"
"""The outcome of an answer that the token limit ended, and of which something could be read."""
MAX_SAID = 60
"""Raw answers that are shown of a face: more than are ever asked for with the shipped recipe."""


@dataclass(frozen=True, slots=True)
class Said:
    """One raw answer."""

    prompt: str
    draw: int
    text: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One level of a face."""

    level: Level
    title: str
    status: str
    """human, generated or rejected."""
    value: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One face."""

    number: int
    sample: str
    status: Status
    picture: str | None
    label: str | None
    levels: tuple[Shown, ...]
    draws: tuple[Said, ...]
    checks: tuple[Said, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """The faces chosen; `cards` can be gone through once."""

    cards: Iterator[Card]
    chosen: int
    faces: int
    withheld: int
    shared: bool
    """Whether the dataset lets its faces be shown."""
    labels: tuple[str, ...] = ()
    statuses: Mapping[str, str] = field(
        default_factory=lambda: {str(status): words for status, words in STATUSES.items()}
    )


def build_gallery(source: Source, standing: Standing) -> Gallery:
    """Choose at most `MOST` faces, as many of each status as there are, and gather what was said of them."""
    of_status: dict[Status, list[str]] = {status: [] for status in STATUSES}
    facts = zip(standing.ids, standing.asked, standing.rejected, standing.verified, strict=True)
    withheld = 0
    for sample, asked, rejected, verified in facts:
        if sample in source.withheld:
            withheld += 1
        elif asked:
            of_status["rejected" if rejected else "verified" if verified else "decided"].append(sample)
    chosen: dict[str, Status] = {}
    left = MOST
    for place, (status, samples) in enumerate(sorted(of_status.items(), key=lambda item: len(item[1]))):
        some = heapq.nsmallest(min(len(samples), left // (len(of_status) - place)), samples, key=_digest)
        chosen |= dict.fromkeys(some, status)
        left -= len(some)
    shared = source.dataset.info.images_may_be_shared
    pictures = data_urls(source.dataset, chosen.keys()) if shared else {}
    order = {status: rank for rank, status in enumerate(STATUSES)}
    ranked = sorted(chosen, key=lambda sample: (order[chosen[sample]], _digest(sample)))
    labels = {word for word in source.human.expression if word is not None}
    return Gallery(
        cards=_cards(source, ranked, chosen, pictures),
        chosen=len(chosen),
        faces=sum(map(len, of_status.values())),
        withheld=withheld,
        shared=shared,
        labels=tuple(sorted(labels))[:100],
    )


def _digest(sample: str) -> bytes:
    """The order within a status: by a hash of the id, the same on every machine."""
    return hashlib.sha256(sample.encode("utf-8", "surrogatepass")).digest()


def _cards(
    source: Source, ranked: Sequence[str], chosen: Mapping[str, Status], pictures: Mapping[str, str]
) -> Iterator[Card]:
    lines = {line.sample: line for line in read_annotations(source.annotations.file) if line.sample in chosen}
    said, counts = _said(source, chosen)
    words = dict(zip(source.dataset.ids, source.human.expression, strict=True))
    for place, sample in enumerate(ranked, start=1):
        heard = said.get(sample, [])
        draws = tuple(one for one in heard if not one.prompt.startswith("v-"))
        checks = tuple(one for one in heard if one.prompt.startswith("v-"))
        yield Card(
            number=place,
            sample=sample,
            status=chosen[sample],
            picture=pictures.get(sample),
            label=words.get(sample),
            levels=tuple(_levels(lines[sample])),
            draws=draws,
            checks=checks,
            more=max(counts.get(sample, 0) - len(heard), 0),
        )


def _said(source: Source, chosen: Mapping[str, Status]) -> tuple[dict[str, list[Said]], dict[str, int]]:
    """The raw answers about the faces chosen, cut as they are read, and how many there are of each."""
    found: dict[str, list[Said]] = {}
    counts: dict[str, int] = {}
    for line in read_predictions(source.annotations.path / DRAWS):
        if line.task != TASK or line.sample not in chosen:
            continue
        counts[line.sample] = counts.get(line.sample, 0) + 1
        if counts[line.sample] <= MAX_SAID:
            found.setdefault(line.sample, []).append(_one(line))
    for heard in found.values():
        heard.sort(key=lambda one: (one.prompt.startswith("v-"), len(one.prompt), one.prompt, one.draw))
    return found, counts


def _one(line: Prediction) -> Said:
    text = None if line.text is None else shortened(line.text, MAX_TEXT)
    if text is None and line.error is not None:
        text = shortened(f"({line.error.kind}: {line.error.message})", MAX_TEXT)
    cut = line.outcome is Outcome.OK and line.finish_reason == "length"
    return Said(shortened(line.prompt, 80), line.draw, text, CUT if cut else str(line.outcome))


def _levels(line: AnnotationLine) -> Iterator[Shown]:
    for name in LEVELS:
        level = line.level(name)
        if level is None:
            continue
        facts = [("confidence", number(level.confidence, 2))] if level.confidence is not None else []
        for key, value in (("uncertainty", level.total_uncertainty), ("epistemic", level.epistemic_uncertainty)):
            facts += [(key, number(value, 2))] if value is not None else []
        facts += [("answers", str(level.samples))] if level.source != "human" else []
        facts += [(f"verified {about}", ruling) for about, ruling in list(level.verification.items())[:20]]
        if name == "action_units" and level.source != "human":
            unsure = [f"AU{au} {p:.2f}" for au, p in level.details.items() if 0.2 < p < 0.8]
            facts += [("unsure of", ", ".join(unsure))] if unsure else []
        yield Shown(name, KINDS[name], level.source, _value(level.value), tuple(facts))


def _value(value: Any) -> str:
    if isinstance(value, VaValue):
        return value_in_words((rounded(value.valence), rounded(value.arousal)))
    if isinstance(value, list):
        return value_in_words(frozenset(value))
    return str(value) if value is not None else "nothing"
