"""From predictions to one answer per face: several draws are combined, errors and gaps are kept apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from feab.errors import FeabError
from feab.records import AnswerValue, Outcome
from feab.schemas import OutcomeCounts, Prediction, VaValue
from feab.vocabulary import Kind


@dataclass(slots=True)
class Answers:
    """The lines of one task and one prompt, as they are read."""

    kind: Kind
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    lines: dict[str, list[tuple[int, AnswerValue | None]]] = field(default_factory=dict)
    """Sample -> (draw, value) of every line that is no error; the value is None where there was no answer."""
    errors: set[tuple[str, int]] = field(default_factory=set)

    def add(self, line: Prediction) -> None:
        """Take in one line.

        Raises:
            FeabError: when its answer is of another kind, or it occurs a second time.
        """
        drawn = self.lines.get(line.sample, ())
        if (line.sample, line.draw) in self.errors or any(draw == line.draw for draw, _ in drawn):
            raise FeabError(f"{_place(line)}: occurs twice; a run folder holds each draw once (`feab validate` helps)")
        self.outcomes[line.outcome] += 1
        if line.outcome is Outcome.ERROR:
            self.errors.add((line.sample, line.draw))
            return
        self.lines.setdefault(line.sample, []).append((line.draw, _value(line, self.kind)))

    def counts(self) -> OutcomeCounts:
        """How many lines ended how."""
        return OutcomeCounts(**{outcome.value: self.outcomes[outcome] for outcome in Outcome})

    def complete(self, ids: Iterable[str], draws: int) -> bool:
        """Whether every one of these samples has all its draws, none of them an error."""
        return not self.errors and all(len(self.lines.get(sample, ())) >= draws for sample in ids)

    def combined(self, sample: str) -> AnswerValue | None:
        """The one answer of a sample, None when no draw gave one (or there is no line)."""
        values = [value for _, value in sorted(self.lines.get(sample, ()), key=lambda line: line[0])]
        answered = [value for value in values if value is not None]
        return _COMBINE[self.kind](answered) if answered else None


def plurality(labels: Sequence[AnswerValue]) -> AnswerValue:
    """The commonest label; of a tie, the one that was drawn first."""
    counts = Counter(labels)
    most = max(counts.values())
    return next(label for label in labels if counts[label] == most)


def majority(sets: Sequence[AnswerValue]) -> AnswerValue:
    """The AUs named in more than half of the draws that gave an answer."""
    counts = Counter(au for named in sets if isinstance(named, frozenset) for au in named)
    return frozenset(au for au, count in counts.items() if 2 * count > len(sets))


def average(points: Sequence[AnswerValue]) -> AnswerValue:
    """The mean point."""
    pairs = [p for p in points if isinstance(p, tuple)]
    return (sum(v for v, _ in pairs) / len(pairs), sum(a for _, a in pairs) / len(pairs))


_COMBINE: dict[Kind, Callable[[Sequence[AnswerValue]], AnswerValue]] = {
    "expression": plurality,
    "valence_arousal": average,
    "action_units": majority,
}


def _value(line: Prediction, kind: Kind) -> AnswerValue | None:
    answer = line.answer
    if answer is None:
        return None
    if kind == "expression" and isinstance(answer, str):
        return answer
    if kind == "valence_arousal" and isinstance(answer, VaValue):
        return (answer.valence, answer.arousal)
    if kind == "action_units" and isinstance(answer, list):
        return frozenset(answer)
    wanted = {"expression": "a label", "valence_arousal": "valence and arousal", "action_units": "a list of AU numbers"}
    raise FeabError(f"{_place(line)}: the answer {answer!r} is not {wanted[kind]}")


def _place(line: Prediction) -> str:
    return f"prediction for task {line.task}, sample {line.sample!r}, prompt {line.prompt}, draw {line.draw}"
