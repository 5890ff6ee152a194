"""One face, with what is known and missing of it and what was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from feab.data import Dataset
from feab.generation.human import HumanLabels
from feab.generation.packed import contexts_of, packed, unpacked
from feab.generation.record import LEVELS, Draw, FaceDraws, Level, Value, Verdict
from feab.knowledge import Given


@dataclass(slots=True, eq=False)
class Face:
    """One face, and what was said of it so far. There may be a million: each holds as little as can be."""

    task: str
    sample: str
    dataset: Dataset
    row: int
    labels: HumanLabels
    """Of its dataset."""
    missing: tuple[Level, ...]
    """Levels that are asked for; the labels of all others are shown."""
    truth: Given | None = None
    """Of a face that calibrates: the labels that are hidden."""
    cluster: str = ""
    """Of a face that calibrates: the subject, where it is known, else the face itself."""
    heard: bytes = b""
    """Its draws, packed."""
    verdicts: tuple[Verdict, ...] = ()
    waiting: int = 0
    """Answers that were asked for and are not back."""
    failed: bool = False
    """Whether a question about it ended in an error, in this session: it is not asked again before the next."""
    piloted: bool = False
    """Whether its pilot is back."""
    settled: bool = False
    """Whether nothing more is asked about it."""
    shelved: int | None = None
    """Where its annotation was put away, once it is decided."""

    @property
    def given(self) -> Given:
        """What is known and shown: labels of people that are not hidden."""
        return self.labels.given(self.row, self._shown)

    @property
    def human(self) -> Mapping[Level, Value]:
        """The same labels, level by level."""
        return self.labels.values(self.row, self._shown)

    @property
    def _shown(self) -> list[Level]:
        return [level for level in LEVELS if level not in self.missing]

    @property
    def draws(self) -> list[Draw]:
        """What was drawn so far, in the order in which it came."""
        return list(unpacked(self.heard))

    def hear(self, draw: Draw) -> None:
        """Add a draw."""
        self.heard += packed(draw)

    def forget(self) -> None:
        """Let go of what was said: draws.jsonl has it."""
        self.heard, self.verdicts = b"", ()

    @property
    def key(self) -> tuple[str, str]:
        """Task and sample: tells faces apart."""
        return (self.task, self.sample)

    def contexts(self) -> dict[int, int]:
        """Context -> draws that are back."""
        found: dict[int, int] = {}
        for context in contexts_of(self.heard):
            found[context] = found.get(context, 0) + 1
        return found

    def said(self, contexts: int | None = None) -> FaceDraws:
        """What was said, in the order of contexts and draws; of the first contexts only, without verdicts, if told."""
        draws = sorted(self.draws, key=lambda draw: (draw.context, draw.draw))
        if contexts is None:
            return FaceDraws(self.sample, tuple(draws), tuple(self.verdicts))
        return FaceDraws(self.sample, tuple(draw for draw in draws if draw.context < contexts))


def by_name(faces: Iterable[Face]) -> dict[str, dict[str, Face]]:
    """Faces by task, and there by sample."""
    found: dict[str, dict[str, Face]] = {}
    for face in faces:
        found.setdefault(face.task, {})[face.sample] = face
    return found
