"""Faces with what each model answered: a gallery to look at, filtered by what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.leaderboard.choosing import values_of
from feab.leaderboard.pages.compare import choices_of, chosen_of, names_of
from feab.leaderboard.pages.looking import WHICH, Look, Looked, Wanted, Which, groups_of, matching
from feab.leaderboard.pages.shown import TEMPLATES, Shown, link_to
from feab.leaderboard.service import MOST_COMPARED
from feab.leaderboard.told import plain
from feab.plots.page import render
from feab.runs.choosing import place_of
from feab.runs.gallery import RESULTS, Card, cards_of
from feab.runs.portraits import data_urls, young
from feab.runs.sections import ATTRIBUTES, KINDS
from feab.runs.words import units_in_words

if TYPE_CHECKING:
    from feab.leaderboard.service import Service

AT_ONCE = 24
"""Faces of one page."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a link to this page says."""

    task: str
    wanted: Wanted
    start: int
    """Number of the first face, from 0."""
    rest: Mapping[str, str] = field(default_factory=dict)
    """The same as a link has it, without models, task and start."""


def faces_page(service: Service, looked: Looked, query: str) -> Shown:
    """The page for a link's query."""
    frame = service.table()
    ids = chosen_of(query, frame)
    choices = choices_of(frame, ids)
    asked = _asked(query)
    looks: list[dict[str, Look]] = []
    trouble = ""
    try:
        looks = [looked.of(service, one) for one in ids]
    except FeabError as error:
        trouble = plain(error)
    tasks = _shared(looks)
    task = asked.task if asked.task in tasks else next(iter(tasks), "")
    of_task = [look[task] for look in looks] if task else []
    words = {one.id: one for one in choices}
    names = names_of([service.entry(one) for one in ids])

    def here(start: int = 0, models: Sequence[str] = ids) -> str:
        told = {"task": task if task != next(iter(tasks), "") else "", "start": str(start) if start else ""}
        return link_to("faces", models=models, **told, **asked.rest)

    values: dict[str, object] = {"cards": [], "found": 0, "shown": "", "unshown": "", "private": False, "withheld": 0}
    start = 0
    if of_task:
        values, start = _gallery(service, ids, names, of_task, asked)
    first = of_task[0] if of_task else None
    html = render(
        TEMPLATES / "faces.html.j2",
        chosen=[(one, words[one].words if one in words else one, here(0, [o for o in ids if o != one])) for one in ids],
        others=[(one.id, one.words) for one in choices if one.id not in ids],
        full=len(ids) >= MOST_COMPARED,
        tasks=[(name, f"{name}: {KINDS[looks[0][name].faces.task.kind]}") for name in tasks],
        task=task,
        which=list(WHICH.items()),
        wanted=asked.wanted,
        labels=[] if first is None else [(one, one) for one in _labels(first)],
        aus=[] if first is None else [(str(au), units_in_words([au])) for au in first.faces.task.aus],
        groups=[] if first is None else [(v, f"{ATTRIBUTES.get(a, a)}: {w}") for a, w, v in groups_of(first)],
        results=RESULTS,
        trouble=trouble,
        earlier=here(max(0, start - AT_ONCE)) if start else "",
        later=here(start + AT_ONCE) if start + AT_ONCE < int(str(values["found"])) else "",
        plain=link_to("faces", models=ids, task=task),
        **values,
    )
    return Shown("faces", "Faces", here(start), html)


def _gallery(
    service: Service, ids: Sequence[str], names: Sequence[str], looks: Sequence[Look], asked: _Asked
) -> tuple[dict[str, object], int]:
    """The faces of one page, each with every model's answer; and at which face the page begins."""
    faces = looks[0].faces
    dataset = faces.part.dataset
    hidden = young(dataset)
    rows = matching(looks, asked.wanted, hidden)
    start = asked.start - asked.start % AT_ONCE if asked.start < len(rows) else 0
    place = place_of(faces)
    samples = [faces.truth.ids[row] for row in rows[start : start + AT_ONCE]]
    shared = dataset.info.images_may_be_shared
    pictures = data_urls(dataset, set(samples)) if shared or service.private else {}
    answers: list[list[Card]] = []
    for one, look in zip(ids, looks, strict=True):
        with service.run(one) as run:
            answers.append(list(cards_of(run, [look.faces], [(place, sample) for sample in samples], {})))
    cards = []
    for number, sample in enumerate(samples):
        of_models = [(name, exchange) for name, cards_of_one in zip(names, answers, strict=True)
                     for exchange in cards_of_one[number].exchanges]  # fmt: skip
        cards.append((sample, answers[0][number].label, pictures.get(sample), of_models))
    told = f"{start + 1:,} to {start + len(samples):,} of {len(rows):,} faces" if samples else "no face fits"
    return {
        "cards": cards,
        "found": len(rows),
        "shown": told,
        "unshown": "" if shared else place,
        "private": service.private and not shared,
        "withheld": len(hidden & set(faces.truth.ids)),
    }, start


def _shared(looks: Sequence[Mapping[str, Look]]) -> list[str]:
    """The tasks that all were asked about the same faces."""
    return [
        task
        for task, look in (looks[0] if looks else {}).items()
        if all(task in other and other[task].faces.truth.ids == look.faces.truth.ids for other in looks)
    ]


def _labels(look: Look) -> list[str]:
    """The expressions that faces display here."""
    known = {label for label in look.faces.truth.expression if label is not None}
    order = [label for label in look.faces.task.labels if label in known]
    return [*order, *sorted(known - set(order))]


def _asked(query: str) -> _Asked:
    given = values_of(query)

    def last(name: str) -> str:
        return given.get(name, [""])[-1]

    which: Which = next((one for one in WHICH if one == last("which")), "all")
    au, start = (int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None
                 for text in (last("au"), last("start")))  # fmt: skip
    wanted = Wanted(which, last("label"), au, last("group"))
    rest = {"which": "" if which == "all" else which, "label": wanted.label, "au": "" if au is None else str(au),
            "group": wanted.group}  # fmt: skip
    return _Asked(last("task"), wanted, start or 0, rest)
