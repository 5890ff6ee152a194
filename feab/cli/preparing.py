"""`feab data prepare|mimic`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from feab.cli.output import console, out, say
from feab.cli.own import parse_columns
from feab.errors import FeabError

if TYPE_CHECKING:
    from rich.status import Status

    from feab.data.readers.summary import SplitSummary

LINE_S = 5.0

_MOST_FILES = 3
"""Files that are named of those by which a split is known."""


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


@dataclass(frozen=True, slots=True)
class Own:
    """What the user told of data of their own; all of it is nothing where the dataset is one that feab knows."""

    called: str | None
    columns: Sequence[str]
    """`--column feab's=NAME` pairs."""
    pictures: Path | None


def prepare(
    name: str,
    source: str,
    to: Path | None,
    images: Literal["paths", "bytes"],
    own: Own,
    **more: Any,
) -> None:
    """Prepare a dataset, with progress, and print what it holds and what was passed over.

    `more` is what `feab.data.readers.prepare` takes further: strict, again, limit, seed.
    """
    from feab.data.readers import is_generic, prepare_generic
    from feab.data.readers import prepare as make

    with Counting() as progress:
        if is_generic(name):
            made = prepare_generic(
                source,
                to,
                name=own.called,
                columns=parse_columns(own.columns),
                pictures=own.pictures,
                images=images,
                on_progress=progress,
                **more,
            )
        elif own != Own(None, [], None):
            raise FeabError(f"--as, --column and --pictures go with generic; how {name} is laid out is known")
        else:
            made = make(name, source, to, images=images, on_progress=progress, **more)
    out(f"{made.info.name}: {made.folder}")
    for split, summary in made.splits.items():
        out(f"{split}:" + ("  (was there already)" if split in made.kept else ""))
        for key, value in described(summary):
            out(f"  {key:<20} {value}")
        if summary.skipped:
            say(f"{split}: every row passed over is named in {made.folder / f'{split}.skipped.jsonl'}")
    for split, files in made.absent.items():
        others = ", or the like" if len(files) > _MOST_FILES else ""
        say(f"{split}: not there, it would take {' or '.join(files[:_MOST_FILES])}{others}")
    say(f"licence: {made.info.licence}")
    if is_generic(name) and "test" in made.splits:
        say(f"ask about it with: feab run --model NAME --data {made.folder if to else made.info.name}")
    elif is_generic(name):
        say("there is no split test, which is asked about; one file by itself is taken for it: --from FILE")


def described(summary: SplitSummary) -> list[tuple[str, str]]:
    """A split in words, as pairs of a word and what it has."""
    from feab.data.readers.splitting import limited

    taken = "" if summary.limit is None else f", a part: {limited(summary.limit, summary.seed)}"
    found = [("samples", f"{summary.samples:,}{taken}")]
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
    from feab.cli.rendering import Rendering
    from feab.data.readers import is_generic, mimic_generic
    from feab.data.readers import mimic as make

    if is_generic(name):
        from feab.data.readers.genericmimic import FORMS

        mimic_generic(path, number)
        out(f"{path}: miniatures of data of your own with rendered faces, a folder for each form:")
        for form, (words, more) in FORMS.items():
            out(f"  {form:<10}{words}")
            say(f"prepare it with: feab data prepare generic --from {path / form}{more}")
        return
    with Rendering(cached=True) as bar:
        reader = make(name, path, number, on_progress=bar)
    out(f"{path}: a miniature of {reader.title} with rendered faces, laid out as it is delivered:")
    for line in reader.layout.strip().splitlines():
        out(f"  {line}")
    say(f"prepare it with: feab data prepare {reader.name} --from {path}")
