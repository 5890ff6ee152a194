"""How a run shows that it proceeds: bars on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from feab.cli.output import console, say, short_count
from feab.cli.rendering import Rendering
from feab.journal import Journal, Progress
from feab.journal.lines import read_predictions
from feab.runs.running import Rows, RunningScore
from feab.runs.table import failures

if TYPE_CHECKING:
    import rich.progress

    from feab.runs import Part

LINE_S = 5.0
"""Seconds between plain lines of a task."""
SCORE_S = 1.0
"""Seconds between new values of the running score."""
BAR_S = 0.1

_SHORT = {"expression": "macro-F1", "valence_arousal": "CCC", "action_units": "AU F1"}


class TaskState:
    """One task's standing, and the words for it."""

    def __init__(self, part: Part, journal: Journal, rows: Rows) -> None:
        self.name = part.task.name
        self.total = part.expected
        self.outcomes = journal.outcomes(self.name)
        self.done = self.before = sum(self.outcomes.model_dump().values())
        top = "direct" if "direct" in part.prompts else part.prompts[0]
        self.score = RunningScore(part.task, part.dataset.labels(part.task.label_columns), top, rows)
        self.measure = _SHORT[part.task.kind]
        self.first = 0.0
        self.shown = 0.0
        self._value: tuple[float, str] = (0.0, "")
        self._spent = ""

    def update(self, progress: Progress) -> None:
        """Take in one completion."""
        if not self.first:
            self.first = time.monotonic()
        for prediction in progress.new:
            self.score.add(prediction)
        self.done, self.outcomes = progress.done, progress.outcomes
        self._spent = spent(progress)

    @property
    def rate(self) -> float | None:
        """Answers a second since this session's first answer to the task; None while there are too few."""
        elapsed = time.monotonic() - self.first if self.first else 0.0
        here = self.done - self.before
        return (here - 1) / elapsed if here > 1 and elapsed > 0 else None

    def running(self) -> str:
        """The score so far as "macro-F1 0.53", at most a second old."""
        now = time.monotonic()
        if now - self._value[0] >= SCORE_S or self.done >= self.total:
            value = self.score.value
            self._value = (now, "" if value is None else f"{self.measure} {value:.2f}")
        return self._value[1]

    def pace(self) -> str:
        """Throughput and time left, as "12.1/s, 1:02 left"."""
        rate = self.rate
        if not rate:
            return ""
        left = max(self.total - self.done, 0) / rate
        return f"{rate:.1f}/s" + (f", {clock(left)} left" if self.done < self.total else "")

    def spent(self) -> str:
        """Tokens and dollars of the whole run so far, as "1.2M tokens, $0.0123"; nothing where they are not counted."""
        return self._spent

    def trouble(self) -> str:
        """What did not become an answer, or nothing."""
        found = failures(self.outcomes)
        return "" if found == "none" else found


class _Watcher:
    """What both displays share: a state per task, fed with what an earlier session left."""

    def __init__(self) -> None:
        self.states: dict[str, TaskState] = {}
        self.rendering = Rendering(cached=True)
        """Called while faces are rendered that are not here yet."""
        self.reading = Rendering(cached=True, doing="reading")
        """Called while pictures of the user's own are read."""

    def start(self, path: Path, parts: Sequence[Part], journal: Journal) -> None:
        """Say where the run lies and what is there already."""
        self.rendering.stop()
        self.reading.stop()
        rows: dict[int, Rows] = {}
        for part in parts:
            if id(part.dataset) not in rows:
                rows[id(part.dataset)] = Rows(part.dataset.ids)
            self.states[part.task.name] = TaskState(part, journal, rows[id(part.dataset)])
        if len(journal):
            say(f"going on in {path}: {len(journal):,} answers are there")
            for prediction in read_predictions(journal.path):
                if prediction.task in self.states:
                    self.states[prediction.task].score.add(prediction)
        else:
            say(f"run folder: {path}")
        repaired(journal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put away what is still drawn."""
        self.rendering.__exit__(kind, error, trace)
        self.reading.__exit__(kind, error, trace)


class Lines(_Watcher):
    """A plain line per task every few seconds, to stderr."""

    def __enter__(self) -> Lines:
        return self

    def update(self, progress: Progress) -> None:
        """Take in one completion; print when the last line is old or the task is done."""
        state = self.states[progress.task]
        state.update(progress)
        now = time.monotonic()
        if now - state.shown >= LINE_S or state.done == state.total:
            state.shown = now
            words = [f"{state.name}: {state.done:,}/{state.total:,}", state.running(), state.pace()]
            words += [state.spent(), state.trouble()]
            say(", ".join(word for word in words if word))


class Bars(_Watcher):
    """A bar per task on the terminal (stderr), with running score, throughput and time left."""

    def __init__(self) -> None:
        super().__init__()
        self._bars = bars({"score": "bold", "pace": "", "spent": "", "trouble": "red"})
        self._ids: dict[str, Any] = {}

    def __enter__(self) -> Bars:
        return self

    def start(self, path: Path, parts: Sequence[Part], journal: Journal) -> None:
        """Draw the bars."""
        super().start(path, parts, journal)
        for name, state in self.states.items():
            self._ids[name] = self._bars.add_task(
                name, total=state.total, completed=state.done, score=state.running(), pace="", spent="", trouble=""
            )
        self._bars.start()

    def update(self, progress: Progress) -> None:
        """Take in one completion; redraw at most ten times a second."""
        state = self.states[progress.task]
        state.update(progress)
        now = time.monotonic()
        if now - state.shown >= BAR_S or state.done == state.total:
            state.shown = now
            self._bars.update(
                self._ids[state.name],
                completed=state.done,
                score=state.running(),
                pace=state.pace(),
                spent=state.spent(),
                trouble=state.trouble(),
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bars as they stand."""
        super().__exit__(kind, error, trace)
        self._bars.stop()


def watcher() -> Bars | Lines:
    """Bars where stderr is a terminal that can move its cursor, lines elsewhere. Colours obey NO_COLOR."""
    return Bars() if can_draw() else Lines()


def can_draw() -> bool:
    """Whether stderr is a terminal that can move its cursor."""
    return sys.stderr.isatty() and console(stderr=True).is_terminal


def bars(fields: Mapping[str, str]) -> rich.progress.Progress:
    """Bars on stderr: name, bar, how many of how many, and further fields, each with its style."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=10),
        MofNCompleteColumn(),
        *(TextColumn("{task.fields[" + name + "]}", style=style, markup=False) for name, style in fields.items()),
        console=console(stderr=True),
    )


def repaired(journal: Journal) -> None:
    """Say what opening the journal found that is asked again."""
    dropped = journal.repaired
    if dropped.errors:
        say(f"asking {dropped.errors:,} failed questions again")
    if dropped.invalid or dropped.duplicates:
        say(f"dropped {dropped.invalid:,} unreadable lines (asked again) and {dropped.duplicates:,} repeated ones")


def spent(progress: Progress) -> str:
    """Tokens and dollars so far, as "1.2M tokens, $0.0123"; nothing where they are not counted."""
    tokens = progress.input_tokens + progress.output_tokens
    if not tokens:
        return ""
    counted = f"{short_count(tokens)} tokens"
    return counted if progress.cost_usd is None else f"{counted}, ${progress.cost_usd:.4f}"


def clock(seconds: float) -> str:
    """A time as "1:02" or "1:00:02"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
