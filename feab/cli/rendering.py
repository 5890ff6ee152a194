"""How rendering faces, reading pictures of the user's own, and checking files show that they proceed."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Literal

from feab.cli.output import console, say
from feab.content import cache_home

if TYPE_CHECKING:
    from rich.progress import Progress

    from feab.leaderboard.remote import Stage


Doing = Literal["rendering", "reading", "checking"]


class Rendering:
    """Progress over pictures, called with (done, total): a bar on a terminal, a plain line every tenth elsewhere.

    Nothing is shown before the first call, so it may stand where nothing will be rendered.
    """

    def __init__(self, *, cached: bool = False, doing: str = "rendering", resumes: bool = True) -> None:
        """`cached`: what is made goes into feab's cache, and the first line says so.

        `doing`: what proceeds; `resumes`: when interrupted, the same command goes on with it.
        """
        self._cached = cached
        self._resumes = resumes
        self._doing = doing
        self._begun = False
        self._bar: Progress | None = None
        self._tenth = -1

    def __enter__(self) -> Rendering:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show where it stands."""
        if not self._begun:
            self._begun = True
            if self._cached:
                kept = "they are" if self._doing == "rendering" else "their sha256 are"
                say(f"{self._doing} {total:,} faces, once: {kept} kept in {cache_home()}")
            self._bar = _bar(self._doing)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
        elif (tenth := 10 * done // max(total, 1)) != self._tenth:
            self._tenth = tenth
            say(f"{self._doing}: {done:,}/{total:,}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if isinstance(error, KeyboardInterrupt) and self._begun and self._resumes:
            error.resumes = True  # type: ignore[attr-defined]  # finished faces are kept, so the same command goes on

    def stop(self) -> None:
        """Leave the bar as it stands, so that another may be drawn."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Sent:
    """Progress of a submission to a leaderboard elsewhere: what is being done, and of a check how far it is."""

    def __init__(self) -> None:
        self._what = ""
        self._checking: Rendering | None = None

    def __enter__(self) -> Sent:
        return self

    def __call__(self, stage: Stage) -> None:
        """Show where it is."""
        if stage.total:
            if self._checking is None:
                self._checking = Rendering(doing=stage.what, resumes=False)
            self._checking(stage.done, stage.total)
        elif stage.what != self._what and self._checking is None:
            self._what = stage.what
            say(f"{stage.what} …")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._checking is not None:
            self._checking.stop()


def _bar(doing: str) -> Progress | None:
    """A bar on stderr that is being drawn; None where stderr is no terminal."""
    from rich.progress import Progress

    screen = console(stderr=True)
    if not screen.is_terminal:
        return None
    bar = Progress(console=screen)
    bar.add_task(doing, total=None)
    bar.start()
    return bar
