"""A session of annotating: asks what is missing in a folder, and leaves it true whatever ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from feab.data import Dataset
from feab.data.annotations import AnnotationLine, write_annotations
from feab.errors import FeabError
from feab.generation.annotated import annotation_line
from feab.generation.asking import Asker
from feab.generation.choosing import Chosen
from feab.generation.conflicts import conflicts
from feab.generation.faces import by_name
from feab.generation.judging import Judge, human_levels
from feab.generation.packed import Shelf
from feab.generation.prepare import Prepared
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
from feab.journal import Asked, Journal, Progress, ask, read_predictions
from feab.journal.lines import raw_lines
from feab.knowledge import JointModel
from feab.models.wrappers import AnswerStore
from feab.runs.book import Book, earlier_of, first_fields, with_failed
from feab.runs.files import write_atomic
from feab.runs.filling import disk_errors, filled
from feab.runs.identity import identity_of
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


class Session:
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
        """Ask `model`, whose card is `card`, about what was prepared."""
        self.path, self.what, self.knowledge = path, what, knowledge
        self.model, self.card, self.watcher = model, card, watcher
        self.asker = Asker(what.recipe, knowledge)
        self.judge = Judge(what.recipe.stopping, knowledge, None if watcher is None else watcher.fitting)
        self.conflicts = 0

    def run(
        self, asked: dict[str, Any], permission: str | None, store: AnswerStore | None, max_cost: float | None
    ) -> Annotations:
        """Ask what is missing, and write what is decided.

        Args:
            asked: the fields of the identity that do not depend on the model.
            permission: as `annotate` takes it.
            store: the open cache.
            max_cost: as `annotate` takes it.

        Raises:
            FeabError: as `annotate`.
        """
        chosen, dataset, info = self.what.chosen, self.what.dataset, self.model.info
        if beyond := [level for level in chosen.levels if level not in info.kinds]:
            raise FeabError(f"{info.name} cannot say {' and '.join(beyond).replace('_', ' ')}, which is missing here")
        needed = [check_faces(one, info, permission) for one in (dataset, *chosen.others)]
        identity = identity_of(SekeIdentity, info, asked)
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
                    folder=str(_place(dataset).resolve()),
                ),
            )
            with Journal(self.path / DRAWS, locked=True) as journal, closing(Shelf(self.path)) as shelf:
                stream = self._stream(journal, shelf)
                price = self.card.price if self.card else None
                book = Book(self.path, with_failed(manifest, journal.repaired), journal, price)
                book.more = partial(self._more, stream, journal)
                work = partial(self._work, stream=stream)
                return filled(book, self.model, self.card, work, Annotations, store=store, max_cost=max_cost)

    def _stream(self, journal: Journal, shelf: Shelf) -> Stream:
        """The state that the journal holds.

        Raises:
            FeabError: when it holds what this recipe never asks: a stranger's folder.
        """
        chosen = self.what.chosen
        faces = by_name(chosen.asked())
        for prediction in read_predictions(journal.path):
            face = faces.get(prediction.task, {}).get(prediction.sample)
            if face is None or not self.asker.could_ask(face, prediction):
                raise FeabError(
                    f"{journal.path}: holds an answer that nothing asks for here (sample {prediction.sample!r}, prompt "
                    f"{prediction.prompt!r}, draw {prediction.draw}); remove that line"
                )
            self.asker.hear(face, prediction)
        return Stream(chosen, self.asker, self.judge, shelf, None if self.watcher is None else self.watcher.settled)

    def _work(self, model: Model, book: Book[SekeManifest], *, stream: Stream) -> Asked:
        """Ask in waves: each ends when nothing can be asked before something comes back."""

        def on_progress(progress: Progress) -> None:
            for prediction in progress.new:
                stream.take(prediction)
            if self.watcher is not None:
                self.watcher.update(stream.standing, replace(progress, cost_usd=book.cost_usd))
            book.write_if_old()

        asked = Asked(0)
        try:
            self.conflicts = self._conflicts()
            if self.watcher is not None:
                self.watcher.start(self.path, stream.standing, book.journal)
            while not asked.interrupted and asked.stopped is None and stream.more():
                questions, parse = stream.questions(), self.asker.parse
                wave = ask(model, questions, book.journal, parse=parse, reasons=True, on_progress=on_progress)
                asked = replace(wave, asked=asked.asked + wave.asked)
        except KeyboardInterrupt:  # before the first wave, or between two
            asked = replace(asked, interrupted=True)
        finally:
            self._write(stream)
        return asked

    def _write(self, stream: Stream) -> None:
        """annotations.jsonl as far as decided, and the error model that decided."""
        write_annotations(self.path / ANNOTATIONS, _lines(self.what.chosen, stream))
        if self.judge.final is not None:
            write_atomic(self.path / ERROR_MODEL, self.judge.final.to_json() + "\n")

    def _conflicts(self) -> int:
        """Write conflicts.jsonl, unless an earlier session did; how many there are."""
        path = self.path / CONFLICTS
        if not path.exists():
            checking = None if self.watcher is None else self.watcher.checking
            faces, below = self.what.chosen.annotated, self.what.recipe.conflict
            write_atomic(path, conflicts(faces, self.knowledge, below, checking))
        with open_plain(path, links=False) as file:
            return sum(1 for _ in raw_lines(file))

    def _more(self, stream: Stream, journal: Journal) -> dict[str, Any]:
        """What the manifest says of the standing."""
        outcomes = journal.outcomes()
        there = sum(outcomes.model_dump().values()) - outcomes.error
        return {"expected": there + stream.unanswered(), "counts": self._counts(stream)}

    def _counts(self, stream: Stream) -> Counts:
        standing, chosen, error_model = stream.standing, self.what.chosen, self.judge.final
        asked = set(chosen.levels) if error_model is not None else set()
        whole = len(chosen.annotated) - standing.faces
        levels = {
            level: LevelCounts(
                human=stream.sources[level, "human"] + whole,
                generated=stream.sources[level, "generated"],
                rejected=stream.sources[level, "rejected"],
                labelled=error_model.labelled.get(level, 0) if error_model and level in asked else 0,
                calibrated=error_model.calibrated.get(level, False) if error_model and level in asked else None,
                threshold=error_model.thresholds.get(level) if error_model and level in asked else None,
            )
            for level in LEVELS
        }
        return Counts(
            faces=standing.faces,
            decided=standing.decided,
            whole=whole,
            calibrating=standing.calibrating,
            calibrated=standing.calibrated,
            draws=standing.draws,
            checks=standing.checks,
            conflicts=self.conflicts,
            levels=levels,
        )


def _place(dataset: Dataset) -> Path:
    """What opens a dataset again: its folder, or the file or folder of the user's own."""
    return dataset.folder if (dataset.folder / "dataset.json").is_file() else dataset.path


def _lines(chosen: Chosen, stream: Stream) -> Iterator[AnnotationLine]:
    """Of all faces that are decided, or of which nothing was missing, in the dataset's order."""
    for face in chosen.annotated:
        if not face.missing:
            yield annotation_line(Annotation(face.sample, human_levels(face)))
        elif (line := stream.line(face)) is not None:
            yield line
