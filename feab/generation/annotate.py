"""`annotate`: complete the levels that people left out of a dataset, in a folder that the same call resumes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from feab.data import Dataset
from feab.data.annotations import AnnotationLine, write_annotations
from feab.errors import FeabError
from feab.generation.annotated import annotation_line
from feab.generation.asking import Asker
from feab.generation.choosing import Chosen
from feab.generation.conflicts import conflicts
from feab.generation.faces import by_key
from feab.generation.judging import Judge, human_levels
from feab.generation.prepare import Prepared, prepare
from feab.generation.recipe import DEFAULT, Recipe
from feab.generation.record import LEVELS, Annotation
from feab.generation.store import (
    ANNOTATIONS,
    CONFLICTS,
    DRAWS,
    ERROR_MODEL,
    Annotations,
    Counts,
    DatasetPlace,
    LevelCounts,
    SekeIdentity,
    SekeManifest,
)
from feab.generation.stream import Standing, Stream
from feab.generation.wording import wording_sha256
from feab.journal import Asked, Journal, Progress, ask, read_predictions
from feab.journal.lines import raw_lines
from feab.knowledge import JointModel, Knowledge, fit_joint
from feab.models.wrappers import AnswerStore
from feab.runs.around import Copies, check_limits, known_card, loaded
from feab.runs.book import Book, check_asked, claimed, earlier_of, first_fields, with_failed
from feab.runs.files import write_atomic
from feab.runs.filling import disk_errors, filled
from feab.runs.permission import check_faces
from feab.yamlfile import open_plain

if TYPE_CHECKING:
    from feab.models import Model, ModelCard


class Watcher(Protocol):
    """Who wants to see annotating proceed: the command line's progress display, or none."""

    def rendering(self, done: int, total: int) -> None:
        """Called picture by picture, while a dataset is rendered or one of your own is read."""
        ...

    def checking(self, done: int, total: int) -> None:
        """Called while human labels are held against knowledge."""
        ...

    def start(self, path: Path, standing: Standing, journal: Journal) -> None:
        """Called once, before the first question; the journal may hold earlier answers."""
        ...

    def fitting(self, share: float) -> None:
        """Called while an error model is fitted, with the share that is done."""
        ...

    def settled(self, standing: Standing) -> None:
        """Called when faces are decided."""
        ...

    def update(self, standing: Standing, progress: Progress) -> None:
        """Called after each completion."""
        ...


def annotate(
    model: str | Model,
    data: Dataset | str | PathLike[str],
    recipe: Recipe | str | PathLike[str] = DEFAULT,
    *,
    out: str | PathLike[str],
    split: str | None = None,
    given: Collection[str] | None = None,
    limit: int | None = None,
    include: Sequence[str | PathLike[str]] = (),
    permission: str | None = None,
    progress: Watcher | None = None,
    max_cost: float | None = None,
    cache: str | PathLike[str] | None = None,
    replicas: int | None = None,
    ray_address: str | None = None,
    gpus_per_replica: float | None = None,
    **adapter_args: Any,
) -> Annotations:
    """Have a model annotate the levels that people did not label, by SV-UAMC, and write what is sure enough.

    Every face is asked about in a pilot of several prompt contexts, then again as long as that pays; doubtful
    candidates are verified; what is not sure enough is rejected. How sure is enough is learnt from faces whose human
    labels are hidden from the model (recipe, `calibration`); these are not annotated. Human labels are kept as they
    are. The same call resumes: each answer is on disk before it is counted, and none is asked for twice.

    Args:
        model: name of a model (see `feab.load_model`) or a loaded one, which the caller closes.
        data: a dataset, its name or its path (also class folders or a CSV file, see `feab.load_dataset`).
        recipe: a recipe, the name of one that travels with feab, or the path of a YAML file.
        out: the folder; one that holds other annotations is refused.
        split: of the dataset; "train" where it has one, else "test".
        given: levels whose human labels are shown to the model, all others being hidden from it, for studies; no word
            or "none" hides all. By default it is given whatever people labelled.
        limit: at most so many faces, a seeded spread over the dataset.
        include: further folders of recipes and model cards.
        permission: where it is written that faces of a dataset marked `ask` may go to a third party.
        progress: told about each completion.
        max_cost: dollars that all sessions together must not exceed; needs a model card with a price.
        cache: folder of answers that any run may reuse; errors are never kept there.
        replicas: load the model so many times, each in a process of Ray's; see `feab.run`.
        ray_address: HOST:PORT of the Ray cluster that holds the replicas, or "auto".
        gpus_per_replica: such as 1, 4 or 0.5.
        adapter_args: passed to the adapter when `model` is a name.

    Raises:
        FeabError: for unknown names, wrong values, a folder in use or of another kind, missing permission.
        Stopped: a FeabError; when failures of one kind followed each other without an answer.
        OverBudget: a FeabError; when the next question might cost more than what is left of `max_cost`.
        OutOfReplicas: a FeabError; when no replica was left.
        Interrupted: on Ctrl-C (a KeyboardInterrupt), after everything is on disk.
    """
    check_limits(model, adapter_args, limit=limit, max_cost=max_cost)
    copies = Copies.asked_for(model, replicas, ray_address, gpus_per_replica)
    folder = Path(out).expanduser()
    with ExitStack() as held:
        held.enter_context(claimed(folder, DRAWS))  # a second process is turned away before it loads a model
        card = known_card(model, include, max_cost)
        store = None if cache is None else held.enter_context(closing(AnswerStore(cache)))
        rendering = None if progress is None else progress.rendering
        what = prepare(data, recipe, split=split, given=given, limit=limit, include=include, on_progress=rendering)
        numbers = what.recipe.knowledge_numbers()
        asked = _asked(what, numbers)
        check_asked(folder, asked, SekeManifest)
        if isinstance(model, str):
            model = held.enter_context(closing(loaded(model, include, adapter_args, copies)))
        session = _Session(folder, what, fit_joint(numbers), model, card, progress)
        return session.run(asked, permission, store, max_cost)


def _asked(what: Prepared, numbers: Knowledge) -> dict[str, Any]:
    """The fields of the identity that do not depend on the model."""
    digest = hashlib.sha256()
    for field in fields(numbers):
        digest.update(np.asarray(getattr(numbers, field.name), float).tobytes())
    return {
        "dataset": f"{what.dataset.name}/{what.dataset.split}",
        "datasets": {f"{one.name}/{one.split}": one.fingerprint for one in what.chosen.datasets()},
        "recipe": what.recipe,
        "prompts": wording_sha256(),
        "knowledge": digest.hexdigest(),
        "given": None if what.given is None else list(what.given),
        "limit": what.limit,
    }


class _Session:
    """One call of `annotate`, in a folder whose lock this process has."""

    def __init__(
        self,
        path: Path,
        what: Prepared,
        knowledge: JointModel,
        model: Model,
        card: ModelCard | None,
        watcher: Watcher | None,
    ) -> None:
        self.path, self.what, self.knowledge = path, what, knowledge
        self.model, self.card, self.watcher = model, card, watcher
        self.asker = Asker(what.recipe, knowledge)
        self.judge = Judge(what.recipe.stopping, knowledge, None if watcher is None else watcher.fitting)

    def run(
        self, asked: dict[str, Any], permission: str | None, store: AnswerStore | None, max_cost: float | None
    ) -> Annotations:
        """Ask what is missing, and write what is decided."""
        chosen, dataset, info = self.what.chosen, self.what.dataset, self.model.info
        if beyond := [level for level in chosen.levels if level not in info.kinds]:
            raise FeabError(f"{info.name} cannot say {' and '.join(beyond).replace('_', ' ')}, which is missing here")
        needed = [check_faces(one, info, permission) for one in chosen.datasets()]
        identity = SekeIdentity(
            model=info.name,
            revision=info.revision,
            adapter=info.adapter,
            adapter_version=info.adapter_version,
            adapter_args=dict(info.args_that_change_answers),
            **asked,
        )
        with disk_errors(self.path):
            earlier = earlier_of(self.path, SekeManifest, identity)
            manifest = SekeManifest(
                **first_fields(identity, earlier, permission if any(needed) else None),
                expected=0,
                model=info.name,
                recipe=self.what.recipe.name,
                dataset=DatasetPlace(
                    name=dataset.name,
                    split=dataset.split,
                    fingerprint=dataset.fingerprint,
                    folder=str(dataset.folder.resolve()),
                ),
            )
            with Journal(self.path / DRAWS, locked=True) as journal:
                stream = self._stream(journal)
                odd = self._conflicts()
                price = self.card.price if self.card else None
                book = Book(self.path, with_failed(manifest, journal.repaired), journal, price)
                book.more = partial(self._more, stream, journal, odd)
                work = partial(self._work, stream=stream)
                return filled(book, self.model, self.card, work, Annotations, store=store, max_cost=max_cost)

    def _stream(self, journal: Journal) -> Stream:
        """The state that the journal holds."""
        chosen = self.what.chosen
        faces = by_key(chosen.asked())
        for prediction in read_predictions(journal.path):
            face = faces.get((prediction.task, prediction.sample))
            if face is not None:
                self.asker.hear(face, prediction)
        return Stream(chosen, self.asker, self.judge, None if self.watcher is None else self.watcher.settled)

    def _work(self, model: Model, book: Book[SekeManifest], *, stream: Stream) -> Asked:
        """Ask in waves: each ends when nothing can be asked before something comes back."""
        if self.watcher is not None:
            self.watcher.start(self.path, stream.standing, book.journal)

        def on_progress(progress: Progress) -> None:
            for prediction in progress.new:
                stream.take(prediction)
            if self.watcher is not None:
                self.watcher.update(stream.standing, replace(progress, cost_usd=book.cost_usd))
            book.write_if_old()

        asked = Asked(0)
        try:
            while stream.more() and not asked.interrupted and asked.stopped is None:
                wave = ask(model, stream.questions(), book.journal, parse=self.asker.parse, on_progress=on_progress)
                asked = replace(wave, asked=asked.asked + wave.asked)
        except KeyboardInterrupt:  # between two waves
            asked = replace(asked, interrupted=True)
        finally:
            self._write(stream)
        return asked

    def _write(self, stream: Stream) -> None:
        """annotations.jsonl as far as decided, and the error model that decided."""
        write_annotations(self.path / ANNOTATIONS, self._lines(stream))
        if self.judge.final is not None:
            write_atomic(self.path / ERROR_MODEL, self.judge.final.to_json() + "\n")

    def _lines(self, stream: Stream) -> Iterator[AnnotationLine]:
        return map(annotation_line, _annotations(self.what.chosen, stream))

    def _conflicts(self) -> int:
        """Write conflicts.jsonl, unless an earlier session did; how many there are."""
        path = self.path / CONFLICTS
        if not path.exists():
            checking = None if self.watcher is None else self.watcher.checking
            faces, below = self.what.chosen.annotated, self.what.recipe.conflict
            write_atomic(path, conflicts(faces, self.knowledge, below, checking))
        with open_plain(path, links=False) as file:
            return sum(1 for _ in raw_lines(file))

    def _more(self, stream: Stream, journal: Journal, odd: int) -> dict[str, Any]:
        """What the manifest says of the standing."""
        outcomes = journal.outcomes()
        there = sum(outcomes.model_dump().values()) - outcomes.error
        return {"expected": there + stream.unanswered(), "counts": self._counts(stream, odd)}

    def _counts(self, stream: Stream, odd: int) -> Counts:
        standing, chosen, error_model = stream.standing, self.what.chosen, self.judge.final
        sources = {level: dict.fromkeys(("human", "generated", "rejected"), 0) for level in LEVELS}
        for annotation in _annotations(chosen, stream):
            for level, found in annotation.levels.items():
                sources[level][found.source] += 1
        asked = set(chosen.levels) if error_model is not None else set()
        levels = {
            level: LevelCounts(
                **sources[level],
                labelled=error_model.labelled.get(level, 0) if error_model and level in asked else 0,
                calibrated=error_model.calibrated.get(level, False) if error_model and level in asked else None,
                threshold=error_model.thresholds.get(level) if error_model and level in asked else None,
            )
            for level in LEVELS
        }
        return Counts(
            faces=standing.faces,
            decided=standing.decided,
            whole=len(chosen.annotated) - standing.faces,
            calibrating=standing.calibrating,
            calibrated=standing.calibrated,
            draws=standing.draws,
            checks=standing.checks,
            conflicts=odd,
            levels=levels,
        )


def _annotations(chosen: Chosen, stream: Stream) -> Iterator[Annotation]:
    """Of all faces that are decided, or of which nothing was missing, in the dataset's order."""
    for face in chosen.annotated:
        if not face.missing:
            yield Annotation(face.sample, human_levels(face))
        elif face.sample in stream.annotations:
            yield stream.annotations[face.sample]
