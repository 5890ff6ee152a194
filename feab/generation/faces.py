"""One face, with what is known and missing of it and what was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from feab.data import Dataset
from feab.generation.record import Draw, FaceDraws, Level, Value, Verdict
from feab.knowledge import Given


@dataclass(slots=True)
class Face:
    """One face, and what was said of it so far."""

    task: str
    sample: str
    dataset: Dataset
    row: int
    given: Given
    """What is known and shown: labels of people that are not hidden."""
    human: Mapping[Level, Value]
    """The same labels, level by level."""
    missing: tuple[Level, ...]
    truth: Given | None = None
    """Of a face that calibrates: the labels that are hidden."""
    cluster: str = ""
    """Of a face that calibrates: the subject, where it is known, else the face itself."""
    draws: list[Draw] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    waiting: int = 0
    """Answers that were asked for and are not back."""
    failed: bool = False
    """Whether a question about it ended in an error, in this session: it is not asked again before the next."""
    piloted: bool = False
    """Whether its pilot is back."""
    settled: bool = False
    """Whether nothing more is asked about it."""

    @property
    def key(self) -> tuple[str, str]:
        """Task and sample: tells faces apart."""
        return (self.task, self.sample)

    def contexts(self) -> dict[int, int]:
        """Context -> draws that are back."""
        found: dict[int, int] = {}
        for draw in self.draws:
            found[draw.context] = found.get(draw.context, 0) + 1
        return found

    def said(self, contexts: int | None = None) -> FaceDraws:
        """What was said, in the order of contexts and draws; of the first contexts only, without verdicts, if told."""
        draws = sorted(self.draws, key=lambda draw: (draw.context, draw.draw))
        if contexts is None:
            return FaceDraws(self.sample, tuple(draws), tuple(self.verdicts))
        return FaceDraws(self.sample, tuple(draw for draw in draws if draw.context < contexts))


def by_key(faces: Iterable[Face]) -> dict[tuple[str, str], Face]:
    """Faces by task and sample."""
    return {face.key: face for face in faces}
