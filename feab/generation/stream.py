"""Which question comes next, about any of many faces: one stream in which no face waits for another.

An adapter pulls questions lazily and may gather a batch before it answers one, so the stream never waits for an
answer. It gives the pilot of face after face, and slips in further rounds of faces whose answers are back. When
nothing can be asked before something comes back, it ends; whoever asks then begins anew (`Stream.more`).

Every decision about a face depends on what was said of that face, and on error models that depend on what was said of
the calibrating faces: not on the order in which answers came. So draws.jsonl holds the whole state, and a session that
was killed goes on as if it had not been.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from feab.data.annotations import AnnotationLine
from feab.generation.annotated import annotation_line
from feab.generation.asking import Asker, Check
from feab.generation.background import Background
from feab.generation.choosing import Chosen
from feab.generation.error_model import ErrorModel
from feab.generation.faces import Face, by_name
from feab.generation.judging import Judge
from feab.generation.packed import Shelf
from feab.records import Outcome, Question
from feab.schemas import Prediction

BATCH = 16
"""Faces that are decided at once, between two questions: some 0.1 s in which an API has others to answer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far annotating is."""

    piloted: int
    """Faces of which the pilot is back, calibrating ones included."""
    faces: int
    """To be annotated."""
    decided: int
    calibrating: int
    calibrated: int
    """Those of the calibrating faces of which all that was wanted is there."""
    draws: int
    """Of the decided faces; each is one answer about all missing levels."""
    checks: int
    """Verdicts on the decided faces."""


class Stream:
    """The questions about chosen faces."""

    def __init__(
        self,
        chosen: Chosen,
        asker: Asker,
        judge: Judge,
        shelf: Shelf,
        on_settled: Callable[[Standing], None] | None = None,
    ) -> None:
        """Faces may hold answers of earlier sessions. `on_settled` is called when some faces are decided.

        Annotations are put on the shelf: whoever opened it closes it when they were read.
        """
        self._asker, self._judge, self._shelf, self._on_settled = asker, judge, shelf, on_settled
        self._faces = by_name(chosen.asked())
        self._open = [face for face in chosen.annotated if face.missing]
        self._calibrating = list(chosen.calibrating)
        self._without_pilot = {face.key for face in self._calibrating}
        self._uncalibrated = set(self._without_pilot)
        self._unbegun: deque[Face] = deque()
        self._ready: deque[tuple[Face, int | Check]] = deque()
        self._back: dict[bool, deque[Face]] = {True: deque(), False: deque()}  # by whether they calibrate
        self._fitting: Background[ErrorModel] | None = None
        self._piloted = self._decided = self._draws = self._checks = 0
        self.sources: Counter[tuple[str, str]] = Counter()
        """(level, where it comes from) -> decided faces."""
        for face in (*self._calibrating, *self._open):
            if asker.lacking(face):
                self._unbegun.append(face)
            else:
                self._is_back(face)

    def questions(self) -> Iterator[Question]:
        """Questions that can be asked now, lazily; ends where the next depends on answers that are not back."""
        while self.more():
            face, what = self._ready.popleft()
            face.waiting += self._asker.answers_wanted(face, what)
            yield self._asker.question(face, what)

    def more(self) -> bool:
        """Whether there is something to ask now."""
        while not self._ready:
            self._fit()
            if self._decide() or self._begin():
                continue
            if self._fitting is None:
                return False
            self._fitting.result()
        return True

    def take(self, prediction: Prediction) -> None:
        """Hear one answer, or failure."""
        face = self._faces[prediction.task][prediction.sample]
        face.waiting -= 1
        if prediction.outcome is Outcome.ERROR:
            face.failed = True
            self._without_pilot.discard(face.key)  # the others go on without it
            self._uncalibrated.discard(face.key)
        else:
            self._asker.hear(face, prediction)
        # Of two questions about a face, one may be answered before the other is pulled.
        if face.waiting == 0 and not face.failed and not self._asker.lacking(face):
            self._is_back(face)

    @property
    def standing(self) -> Standing:
        """How far it is."""
        return Standing(
            self._piloted,
            len(self._open),
            self._decided,
            len(self._calibrating),
            sum(face.settled for face in self._calibrating),
            self._draws,
            self._checks,
        )

    def line(self, face: Face) -> AnnotationLine | None:
        """What was decided of a face; None while it is not."""
        return None if face.shelved is None else AnnotationLine.model_validate_json(self._shelf.get(face.shelved))

    def unanswered(self) -> int:
        """Answers that are known to be missing: at the least one for each face that is not settled."""
        unsettled = (face for face in (*self._calibrating, *self._open) if not face.settled)
        return sum(max(1, self._asker.lacking_answers(face)) for face in unsettled)

    def _is_back(self, face: Face) -> None:
        self._without_pilot.discard(face.key)
        self._piloted += not face.piloted
        face.piloted = True
        self._back[face.truth is not None].append(face)

    def _begin(self) -> bool:
        """Have the next face asked what it lacks of its pilot, or of a round that was cut off."""
        if not self._unbegun:
            return False
        face = self._unbegun.popleft()
        self._ready.extend((face, context) for context in self._asker.lacking(face))
        return True

    def _fit(self) -> None:
        """Begin to fit the error model that comes next, if all that it needs is there; take one that is fitted.

        Meanwhile the pilots of other faces are asked.
        """
        judge = self._judge
        if self._fitting is not None and self._fitting.done:
            if judge.provisional is None:
                judge.provisional = self._fitting.result()
            else:
                judge.final = self._fitting.result()
            self._fitting = None
        if self._fitting is not None:
            return
        if judge.provisional is None and not self._without_pilot:
            self._fitting = Background(judge.fitting_provisional(self._whole(pilot=True)))
        elif judge.provisional is not None and judge.final is None and not self._uncalibrated:
            self._fitting = Background(judge.fitting_final(self._whole(pilot=False)))

    def _whole(self, *, pilot: bool) -> list[Face]:
        """The calibrating faces of which the pilot, or all that is wanted, is there."""
        return [face for face in self._calibrating if (not self._asker.lacking(face) if pilot else face.settled)]

    def _decide(self) -> bool:
        """Decide what becomes of some faces whose answers are back."""
        for calibrating, waiting in self._back.items():
            faces = list(islice(waiting, BATCH))
            steps = self._judge.steps(faces, calibrating=calibrating) if faces else None
            if steps is not None:
                for _ in faces:
                    waiting.popleft()
                settled = []
                for face, step in zip(faces, steps, strict=True):
                    if step is None or not self._asker.may(face, step):
                        settled.append(face)
                    else:
                        self._ready.append((face, step))
                self._settle(settled)
                return True
        return False

    def _settle(self, faces: Sequence[Face]) -> None:
        annotated = [face for face in faces if face.truth is None]
        for face, annotation in zip(annotated, self._judge.annotations(annotated), strict=True):
            face.shelved = self._shelf.put(annotation_line(annotation).model_dump_json().encode())
            self.sources.update((level, found.source) for level, found in annotation.levels.items())
        for face in faces:
            face.settled = True
            self._uncalibrated.discard(face.key)
        for face in annotated:
            self._decided += 1
            self._draws += len(face.draws)
            self._checks += len(face.verdicts)
            face.forget()
        if faces and self._on_settled is not None:
            self._on_settled(self.standing)
