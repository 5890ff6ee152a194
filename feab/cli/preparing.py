"""`feab data prepare|mimic`."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from feab.cli.output import console, out, say

if TYPE_CHECKING:
    from rich.status import Status

    from feab.data.readers.summary import SplitSummary

LINE_S = 5.0


class Counting:
    """Progress over rows whose number is not known: a line that changes on a terminal, one every 5 s elsewhere."""

    def __init__(self, *, resumes: bool = True) -> None:
        """`resumes`: when interrupted, the same command goes on with what is done."""
        self._resumes = resumes
        self._begun = self._shown = time.monotonic()
        self._split = ""
        self._status: Status | None = None

    def __enter__(self) -> Counting:
        screen = console(stderr=True)
        if screen.is_terminal:
            self._status = screen.status("reading")
            self._status.start()
        return self

    def __call__(self, split: str, done: int) -> None:
        """Show where it stands."""
        now = time.monotonic()
        if split != self._split:
            self._split, self._begun = split, self._shown
        if now - self._shown < (0.1 if self._status else LINE_S):
            return
        self._shown = now
        words = f"{split}: {done:,} pictures, {done / max(now - self._begun, 1e-9):,.0f}/s"
        if self._status is not None:
            self._status.update(words)
        else:
            say(words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
        if isinstance(error, KeyboardInterrupt) and self._resumes:
            error.resumes = True  # type: ignore[attr-defined]  # finished splits are kept


def prepare(
    name: str, source: Path, to: Path | None, images: Literal["paths", "bytes"], *, strict: bool, again: bool
) -> None:
    """Prepare a dataset, with progress, and print what it holds and what was passed over."""
    from feab.data.readers import prepare as make

    with Counting() as progress:
        made = make(name, source, to, images=images, strict=strict, again=again, on_progress=progress)
    out(f"{made.info.name}: {made.folder}")
    for split, summary in made.splits.items():
        out(f"{split}:" + ("  (was there already)" if split in made.kept else ""))
        for key, value in described(summary):
            out(f"  {key:<20} {value}")
        if summary.skipped:
            say(f"{split}: every row passed over is named in {made.folder / f'{split}.skipped.jsonl'}")
    for split, files in made.absent.items():
        say(f"{split}: not there, it would take {' or '.join(files)}")
    say(f"licence: {made.info.licence}")


def described(summary: SplitSummary) -> list[tuple[str, str]]:
    """A split in words, as pairs of a word and what it has."""
    found = [("samples", f"{summary.samples:,}")]
    found += [("subjects", f"{summary.subjects:,}")] if summary.subjects else []
    found += [("expression", _counted(summary.expressions))] if summary.expressions else []
    found += [("votes", f"{summary.votes:,}")] if summary.votes else []
    found += [("valence-arousal", f"{summary.valence_arousal:,}")] if summary.valence_arousal else []
    found += [
        ("AUs (present/coded)", ", ".join(f"{au} {n['present']:,}/{n['coded']:,}" for au, n in summary.aus.items()))
    ] * bool(summary.aus)
    found += [(name.replace("_", " "), _counted(values)) for name, values in summary.attributes.items()]
    found += [("without a label", f"{summary.unlabelled:,} left out")] * bool(summary.unlabelled)
    found += [("passed over", _counted(summary.skipped) or "none"), ("fingerprint", summary.fingerprint)]
    return found


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in counts.items())


def mimic(name: str, path: Path, number: int) -> None:
    """Make a miniature of a dataset's folder, and say how it is laid out."""
    from feab.data.readers import mimic as make

    reader = make(name, path, number)
    out(f"{path}: a miniature of {reader.title} with rendered faces, laid out as it is delivered:")
    for line in reader.layout.strip().splitlines():
        out(f"  {line}")
    say(f"prepare it with: feab data prepare {reader.name} --from {path}")
