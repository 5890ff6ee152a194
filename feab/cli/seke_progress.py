"""How annotating shows that it proceeds: bars on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from feab.cli.output import say
from feab.cli.progress import BAR_S, LINE_S, bars, can_draw, clock, repaired, spent
from feab.cli.rendering import Rendering
from feab.generation.stream import Standing
from feab.journal import Journal, Progress
from feab.runs.table import failures


class _Watcher(ABC):
    """What both displays share: the standing, and the words for it."""

    _every_s: ClassVar[float]
    """Seconds between two showings, but that of the end."""

    def __init__(self) -> None:
        self.rendering = Rendering(cached=True)
        """Called while faces are rendered or read that are not here yet."""
        self.checking = Rendering(doing="checking")
        """Called while human labels are held against knowledge."""
        self._standing = Standing(0, 0, 0, 0, 0, 0, 0)
        self._before = 0
        self._first = self._shown = 0.0
        self._spent = self._trouble = self._fitting = ""

    def start(self, path: Path, standing: Standing, journal: Journal) -> None:
        """Say where the folder lies and what is there already."""
        self.rendering.stop()
        self.checking.stop()
        self._standing = standing
        say(f"going on in {path}: {len(journal):,} answers are there" if len(journal) else f"folder: {path}")
        repaired(journal)

    def fitting(self, share: float) -> None:
        """While an error model is fitted."""
        self._fitting = "" if share >= 1 else f"fitting the error model, {share:.0%}"
        self._show_now_and_then()

    def settled(self, standing: Standing) -> None:
        """Take in that faces are decided, perhaps by answers of an earlier session."""
        self._standing, self._fitting = standing, ""
        self._show_now_and_then()

    def update(self, standing: Standing, progress: Progress) -> None:
        """Take in one completion."""
        if not self._first:
            self._first, self._before = time.monotonic(), standing.decided
        self._standing, self._spent = standing, spent(progress)
        found = failures(progress.outcomes)
        self._trouble = "" if found == "none" else found
        self._show_now_and_then()

    def pace(self) -> str:
        """Answers a face, faces a second and time left, as "5.2 answers a face, 2.1/s, 1:02 left"."""
        standing = self._standing
        if not standing.decided:
            return ""
        words = f"{(standing.draws + standing.checks) / standing.decided:.1f} answers a face"
        elapsed = time.monotonic() - self._first if self._first else 0.0
        here = standing.decided - self._before
        if here > 1 and elapsed > 0:
            rate = here / elapsed
            left = (standing.faces - standing.decided) / rate
            words += f", {rate:.1f}/s" + (f", {clock(left)} left" if left else "")
        return words

    def _show_now_and_then(self) -> None:
        standing, now = self._standing, time.monotonic()
        if now - self._shown >= self._every_s or standing.decided >= standing.faces:
            self._shown = now
            self._show(standing)

    @abstractmethod
    def _show(self, standing: Standing) -> None:
        """Show where it stands."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put away what is still drawn."""
        self.rendering.__exit__(kind, error, trace)
        self.checking.__exit__(kind, error, trace)


class Lines(_Watcher):
    """A plain line every few seconds, to stderr."""

    _every_s = LINE_S

    def __enter__(self) -> Lines:
        return self

    def _show(self, standing: Standing) -> None:
        parts = {name: (done, total) for name, done, total in _parts(standing)}
        open_parts = [name for name, (done, total) in parts.items() if done < total or name == _PARTS[-1]]
        words = [f"{name}: {parts[name][0]:,}/{parts[name][1]:,}" for name in open_parts]
        words += [self.pace(), self._fitting, self._spent, self._trouble]
        say(", ".join(word for word in words if word))


class Bars(_Watcher):
    """Bars on the terminal (stderr): faces of which the pilot is back, that calibrate, and that are decided."""

    _every_s = BAR_S

    def __init__(self) -> None:
        super().__init__()
        self._bars = bars({"pace": "", "spent": "", "trouble": "red"})
        self._ids = [self._bars.add_task(name, total=None, pace="", spent="", trouble="") for name in _PARTS]

    def __enter__(self) -> Bars:
        return self

    def start(self, path: Path, standing: Standing, journal: Journal) -> None:
        """Draw the bars."""
        super().start(path, standing, journal)
        self._bars.start()

    def _show(self, standing: Standing) -> None:
        for number, (_, done, total) in zip(self._ids, _parts(standing), strict=True):
            self._bars.update(number, completed=done, total=total)
        _, calibrating, annotating = self._ids
        self._bars.update(calibrating, pace=self._fitting)
        self._bars.update(annotating, pace=self.pace(), spent=self._spent, trouble=self._trouble)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bars as they stand."""
        super().__exit__(kind, error, trace)
        self._bars.stop()


_PARTS = ("pilot", "calibrating", "decided")


def _parts(standing: Standing) -> list[tuple[str, int, int]]:
    """Name, how many faces, of how many."""
    totals = (standing.faces + standing.calibrating, standing.calibrating, standing.faces)
    return list(zip(_PARTS, (standing.piloted, standing.calibrated, standing.decided), totals, strict=True))


def watcher() -> Bars | Lines:
    """Bars where stderr is a terminal that can move its cursor, lines elsewhere."""
    return Bars() if can_draw() else Lines()
