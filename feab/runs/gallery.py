"""The gallery of a report: which faces, and for each the question, the raw answer, what was read and the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from feab.plots.text import shortened
from feab.runs.choosing import Place, choose, place_of
from feab.runs.faces import Faces, Result
from feab.runs.folder import Run
from feab.runs.portraits import data_urls, young
from feab.runs.sections import KINDS
from feab.runs.words import units_in_words, value_in_words
from feab.schemas import VaValue

MAX_TEXT = 1200
"""Characters of one raw answer that are shown."""
MAX_DRAWS = 5
"""Draws of one question that are shown."""
MAX_QUESTIONS = 60
"""Questions (tasks times prompts) that are shown of a face."""

RESULTS: Mapping[Result, str] = {
    "wrong": "wrong",
    "none": "no answer",
    "partly": "partly right",
    "right": "right",
    "failed": "failed",
}
"""The words for results, the worst first."""

Tables: TypeAlias = Mapping[str, Mapping[str, Faces]]
"""Task -> prompt -> faces, as `face_by_face` gives them."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One raw answer and what was read from it."""

    text: str | None
    parsed: str
    outcome: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question about one face, and all that came of it."""

    task: str
    title: str
    """What was asked, in few words."""
    prompt: str
    truth: str
    answer: str
    """The draws as one answer, as it is scored."""
    result: Result
    draws: tuple[Draw, ...]
    more: int
    """Draws that are not shown."""
    said: str = ""
    """Expression: the label answered."""
    notes: tuple[tuple[str, str], ...] = ()
    """Further lines: name and text."""
    units: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """AUs: "present", "answered", "missed", "false" -> AU numbers."""


@dataclass(frozen=True, slots=True)
class Card:
    """One face of the gallery."""

    number: int
    sample: str
    dataset: str
    picture: str | None
    """A data URL; None where the face is not shown."""
    label: str | None
    """The expression it displays, by its label."""
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Gallery:
    """The faces chosen, and why they are these."""

    cards: Iterable[Card]
    chosen: int
    faces: int
    """Faces asked about, but for those never shown."""
    withheld: int
    """Faces left out because of their age group."""
    unshown: tuple[str, ...]
    """Datasets whose licence does not let their faces be shown."""
    questions: tuple[tuple[str, str, str], ...]
    """Task, prompt and the wording of its question, once each."""
    classes: tuple[str, ...]
    """Expression labels that may be displayed or answered."""
    aus: tuple[int, ...]

    @property
    def tasks(self) -> list[str]:
        """The tasks of the questions."""
        return list(dict.fromkeys(task for task, _, _ in self.questions))

    @property
    def prompts(self) -> list[str]:
        """The prompts of the questions."""
        return list(dict.fromkeys(prompt for _, prompt, _ in self.questions))

    @property
    def units(self) -> list[tuple[str, str]]:
        """Each action unit as number and words."""
        return [(str(au), units_in_words([au])) for au in self.aus]


def build_gallery(run: Run, tables: Tables) -> Gallery:
    """Choose faces and gather what was said about them; `cards` can be gone through once.

    Raises:
        FeabError: when a line of the predictions does not validate.
    """
    tops = [next(iter(prompts.values())) for prompts in tables.values() if prompts]
    datasets = {place_of(top): top.part.dataset for top in tops}
    hidden = {name: young(dataset) for name, dataset in datasets.items()}
    chosen, total, withheld = choose(tops, hidden)
    pictures: dict[Place, str] = {}
    for name, dataset in datasets.items():
        if dataset.info.images_may_be_shared:
            urls = data_urls(dataset, {sample for place, sample in chosen if place == name})
            pictures |= {(name, sample): url for sample, url in urls.items()}
    shown = [faces for prompts in tables.values() for faces in prompts.values()][:MAX_QUESTIONS]
    return Gallery(
        cards=cards_of(run, shown, chosen, pictures),
        chosen=len(chosen),
        faces=total,
        withheld=withheld,
        unshown=tuple(name for name, data in datasets.items() if not data.info.images_may_be_shared),
        questions=tuple((f.task.name, f.prompt, _wording(f)) for f in shown),
        classes=tuple(dict.fromkeys(label for top in tops for label in top.task.labels)),
        aus=tuple(sorted({au for top in tops for au in top.task.aus})),
    )


def _wording(faces: Faces) -> str:
    """The question in words; where faces are asked about other options or in another order, as the first one was."""
    if faces.prompt not in faces.task.prompts:
        return ""
    first, source = (faces.truth.ids[0], faces.truth.sources[0]) if faces.truth.ids else ("", None)
    return faces.task.of_source(source).prompt_text(faces.prompt, first)


def cards_of(
    run: Run, shown: Sequence[Faces], chosen: Sequence[Place], pictures: Mapping[Place, str]
) -> Iterator[Card]:
    """Of each face chosen, in that order, what was asked and what came of it.

    Args:
        run: whose answers are read, once.
        shown: the questions that are told of.
        chosen: the faces.
        pictures: data URLs of those that are shown.

    Raises:
        FeabError: when a line of the predictions does not validate.
    """
    draws, counts = _draws(run, shown, frozenset(chosen))
    rows: list[dict[str, int]] = []
    for faces in shown:
        wanted = {sample for place, sample in chosen if place == place_of(faces)}
        rows.append({sample: row for row, sample in enumerate(faces.truth.ids) if sample in wanted})
    titles = _titles(shown)
    distances = [faces.distance() for faces in shown]
    silences = [faces.silent for faces in shown]
    for number, key in enumerate(chosen, start=1):
        place, sample = key
        label, exchanges = None, []
        for faces, of_sample, distance, silent in zip(shown, rows, distances, silences, strict=True):
            row = of_sample.get(sample) if place_of(faces) == place else None
            if row is None:
                continue
            label = label or faces.truth.expression[row]
            line = (faces.task.name, faces.prompt, sample)
            result = faces.result(float(distance[row]), silent=bool(silent[row]))
            exchanges.append(_exchange(faces, row, titles, result, draws.get(line, []), counts.get(line, 0)))
        yield Card(number, sample, place, pictures.get(key), label, tuple(exchanges))


def _draws(
    run: Run, shown: Sequence[Faces], chosen: frozenset[Place]
) -> tuple[dict[tuple[str, str, str], list[Draw]], dict[tuple[str, str, str], int]]:
    """The first raw answers of each question about the faces chosen, cut as they are read, and how many there are."""
    places = {(faces.task.name, faces.prompt): place_of(faces) for faces in shown}
    found: dict[tuple[str, str, str], list[Draw]] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for line in run.predictions():
        key = (line.task, line.prompt, line.sample)
        if (places.get(key[:2], ""), line.sample) not in chosen:
            continue
        counts[key] = counts.get(key, 0) + 1
        if counts[key] > MAX_DRAWS:
            continue
        answer = line.answer
        value = (
            (answer.valence, answer.arousal)
            if isinstance(answer, VaValue)
            else frozenset(answer)
            if isinstance(answer, list)
            else answer
        )
        parsed = "" if value is None else shortened(value_in_words(value), 300)
        error = "" if line.error is None else shortened(f"{line.error.kind}: {line.error.message}", 300)
        text = None if line.text is None else shortened(line.text, MAX_TEXT)
        found.setdefault(key, []).append(Draw(text, parsed, str(line.outcome), error))
    return found, counts


def _titles(shown: Sequence[Faces]) -> dict[str, str]:
    """Task -> its kind in words, or where two are of one kind their names."""
    kinds = {faces.task.name: faces.task.kind for faces in shown}
    several = len(set(kinds.values())) < len(kinds)
    return {name: name if several else KINDS[kind] for name, kind in kinds.items()}


def _exchange(
    faces: Faces, row: int, titles: Mapping[str, str], result: Result, draws: Sequence[Draw], count: int
) -> Exchange:
    heard = result not in ("none", "failed")
    value, truth = faces.values[row], faces.truth
    answer, said, notes, units = "", "", [], {}
    if faces.task.kind == "expression":
        told = truth.expression[row] or ""
        answer = said = str(value) if heard else ""
    elif faces.task.kind == "valence_arousal":
        told = value_in_words((float(truth.values[row, 0]), float(truth.values[row, 1])))
        if heard:
            answer = value_in_words((float(value[0]), float(value[1])))
            notes.append(("distance", f"{np.hypot(*(truth.values[row] - value)):.2f}"))
    else:
        units = _units(faces, row, heard=heard)
        told = _numbers(units["present"])
        answer = _numbers(units["answered"]) if heard else ""
        names = {"missed": "missed", "false": "false alarms", "uncoded": "not scored"}
        words = {key: _numbers(units[key]) if key == "uncoded" else units_in_words(units[key]) for key in names}
        notes += [(name, words[key]) for key, name in names.items() if units[key]]
    return Exchange(
        task=faces.task.name,
        title=titles[faces.task.name],
        prompt=faces.prompt,
        truth=told,
        answer=answer,
        result=result,
        draws=tuple(draws),
        more=max(count - len(draws), 0),
        said=said,
        notes=tuple(notes),
        units=units,
    )


def _numbers(aus: Iterable[int]) -> str:
    return " ".join(f"AU{au}" for au in aus) or "none"


def _units(faces: Faces, row: int, *, heard: bool) -> dict[str, tuple[int, ...]]:
    truth, said = faces.truth.values[row], faces.values[row]
    aus = faces.task.aus

    def those(where: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, ...]:
        return tuple(au for au, there in zip(aus, where, strict=True) if there)

    named = (said == 1) if heard else np.zeros(len(aus), dtype=np.bool_)
    return {
        "present": those(truth == 1),
        "answered": those(named),
        "missed": those((truth == 1) & ~named),
        "false": those((truth == 0) & named),
        "uncoded": those(np.isnan(truth)),
    }
