"""What a FEID is made of, counted while it is made: levels by source, records by kind and wording, uncertainties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feab.data.annotations import AnnotationLine
from feab.data.feid.info import LevelCounts
from feab.data.feid.record import FeidLabels, FeidRecord
from feab.vocabulary import KINDS, Kind

BINS = 10
"""Of a histogram from 0 to 1; what lies beyond is counted in the outermost."""


def bin_of(value: float) -> int:
    """The bin of a number from 0 to 1."""
    return min(max(int(value * BINS), 0), BINS - 1)


@dataclass(slots=True)
class OfSource:
    """Counts of one dataset."""

    faces: int = 0
    unused: int = 0
    withheld: int = 0
    levels: dict[Kind, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})

    def told(self) -> dict[Kind, LevelCounts]:
        """For feid.json."""
        return {kind: LevelCounts(**counts) for kind, counts in self.levels.items()}


@dataclass(slots=True)
class Tally:
    """Counts of all faces that were gone through."""

    sources: dict[str, OfSource] = field(default_factory=dict)
    tasks: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    wordings: dict[str, Counter[str]] = field(default_factory=dict)
    """List of questions -> wording -> records."""
    expressions: Counter[str] = field(default_factory=Counter)
    units: Counter[int] = field(default_factory=Counter)
    uncertainty: dict[tuple[Kind, str, str], list[int]] = field(default_factory=dict)
    """(level, source, which uncertainty) -> faces by bin."""

    def of(self, place: str) -> OfSource:
        """The counts of a dataset."""
        return self.sources.setdefault(place, OfSource())

    def withhold(self, place: str) -> None:
        """Count a face that is left out for its age group."""
        self.of(place).withheld += 1

    def add(self, place: str, line: AnnotationLine, labels: FeidLabels, records: Sequence[FeidRecord]) -> None:
        """Count a face and the records made of it."""
        counts = self.of(place)
        counts.faces += bool(records)
        counts.unused += not records
        for kind in KINDS:
            level = line.level(kind)
            word: str = "absent" if level is None else level.source
            if word in ("human", "generated") and kind not in labels.origins:
                word = "outside"
            counts.levels[kind][word] += 1
            if level is not None and level.source != "human":
                for name in ("total_uncertainty", "epistemic_uncertainty"):
                    self._histogram(kind, level.source, name, getattr(level, name))
        if labels.expression is not None:
            self.expressions[labels.expression] += 1
        self.units.update(labels.action_units or ())
        for record in records:
            self.tasks[record.task] += 1
            self.origins[record.origin] += 1
            for turn in record.template.split():
                name, wording, *_ = turn.split("/")
                self.wordings.setdefault(name, Counter())[wording] += 1

    def _histogram(self, kind: Kind, source: str, name: str, value: float | None) -> None:
        if value is not None:
            bins = self.uncertainty.setdefault((kind, source, name), [0] * BINS)
            bins[bin_of(value)] += 1

    def largest_shares(self) -> Mapping[str, tuple[int, float]]:
        """List of questions -> how many wordings were used, and the share of the commonest."""
        return {name: (len(used), max(used.values()) / used.total()) for name, used in sorted(self.wordings.items())}
