"""`feab submit` and `feab verify`: what is sent, what became of it, what is right."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from feab.cli.output import console, out, out_json, say
from feab.cli.rendering import Rendering
from feab.errors import FeabError
from feab.leaderboard.audit import audit
from feab.leaderboard.checking import examine, told
from feab.leaderboard.choosing import place
from feab.leaderboard.hub import HubStore
from feab.leaderboard.local import LocalStore
from feab.leaderboard.packing import Packed
from feab.leaderboard.packing import pack as pack_run
from feab.leaderboard.receiving import Board, Verdict, receive
from feab.leaderboard.records import PREDICTIONS
from feab.leaderboard.sets import Sets
from feab.leaderboard.store import LOG
from feab.leaderboard.unpacking import unpacked
from feab.leaderboard.verifying import Verified, verify
from feab.runs.table import scores_table

HUB = "hf://datasets/"
RIGHT, WRONG = 0, 2


def submit_and_show(
    run: Path, to: str | None, *, pack: Path | None, card: Path | None, user: str, yes: bool,
    include: Sequence[Path], as_json: bool,
) -> int:  # fmt: skip
    """Pack, show, send; the exit status."""
    if (to is None) == (pack is None):
        raise FeabError("say where it goes: --to DIR, --to hf://datasets/OWNER/NAME, or --pack FILE to send nothing")
    packed = pack_run(run, card, include=include)
    for line in sent(packed):
        say(line)
    if pack is not None:
        _write_new(pack, packed.zipped())
        say(f"written to {pack}; nothing was sent")
        return RIGHT
    assert to is not None
    sets = Sets(include=tuple(include))
    if to.startswith(HUB):
        return _propose(packed, HubStore(to.removeprefix(HUB)), sets, yes=yes)
    if "://" in to:
        raise FeabError(f"--to {to}: give a leaderboard's folder, or {HUB}OWNER/NAME")
    board = Board(LocalStore(Path(to).expanduser()), sets)
    with Rendering(doing="checking", resumes=False) as bar:
        verdict = receive(board, packed.zipped(), user=user, on_progress=bar)
    if as_json:
        out_json(_plain(verdict))
    else:
        _show(verdict, board)
    return RIGHT if verdict.entry is not None else WRONG


def sent(packed: Packed) -> list[str]:
    """What leaves the machine, to the letter; of the answers, their number and the first."""
    lines = []
    for name, data in packed.files.items():
        lines.append(f"--- {name}: {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
        text = data.decode()
        if name == PREDICTIONS:
            first = text.split("\n", 1)[0]
            lines.append(f"{text.count(chr(10)):,} answers, as they stand in the run; the first: {first}")
        else:
            lines.append(text.rstrip())
    left = ", ".join(packed.left_out) or "nothing"
    return [*lines, f"--- of the run's manifest, not sent or not as it is: {left}"]


def _propose(packed: Packed, store: HubStore, sets: Sets, *, yes: bool) -> int:
    """Check here, and open a pull request."""
    with unpacked(packed.zipped()) as found, Rendering(doing="checking", resumes=False) as bar:
        examined = examine(found, sets, bar)
    if examined.problems:
        return _refused(told(examined))
    if not yes and not typer.confirm(f"Send this to {store.name}?", err=True):
        say("nothing was sent")
        return WRONG
    digits = hashlib.sha256(packed.files[PREDICTIONS]).hexdigest()[:12]
    address = store.propose({f"incoming/{digits}.zip": packed.zipped()}, f"Submission of {packed.card.name}")
    out(f"sent: {address}")
    return RIGHT


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.expanduser().open("xb") as file:
            file.write(data)
    except OSError as error:
        raise FeabError(f"{path}: cannot write it ({error.strerror})") from None


def _plain(verdict: Verdict) -> dict[str, object]:
    entry = verdict.entry
    return {
        "accepted": entry is not None,
        "submission": None if entry is None else entry.id,
        "attempt": verdict.attempt,
        "attempts_today": verdict.attempts_today,
        "problems": list(verdict.problems),
        "places": dict(verdict.places),
        "not_ranked": dict(verdict.why_not),
    }


def _show(verdict: Verdict, board: Board) -> None:
    entry = verdict.entry
    if entry is None:
        _refused(verdict.problems)
        return
    out(f"listed: {entry.card.name} as {entry.id} ({entry.tier}), in {board.store.name}")
    for name, (best, worst) in verdict.places.items():
        score = entry.overall if name not in entry.tasks else entry.tasks[name].metrics[entry.tasks[name].primary]
        value = "" if score is None or score.value is None else f", {score.value:.3f}"
        out(f"  {name}{value}: place {place(best, worst)}")
    for name, why in verdict.why_not.items():
        out(f"  {name}: not ranked ({why})")
    out(f"  attempt {verdict.attempts_today} of {board.per_day} in 24 hours, of {entry.user}")


def _refused(problems: Sequence[str]) -> int:
    out("refused:")
    for line in problems:
        out(f"  {line}")
    return WRONG


# --------------------------------------------------------------------------------------------------------------- verify


def verify_and_show(submission: Path, include: Sequence[Path], *, as_json: bool) -> int:
    """Verify one submission, or a leaderboard's folder; the exit status."""
    sets = Sets(include=tuple(include))
    if (submission / LOG).is_file():
        return _verify_all(submission, sets, as_json=as_json)
    with Rendering(doing="checking", resumes=False) as bar:
        found = verify(submission, sets=sets, on_progress=bar)
    if as_json:
        out_json(_told(found))
    else:
        _show_verified(found)
    return WRONG if found.problems else RIGHT


def _verify_all(folder: Path, sets: Sets, *, as_json: bool) -> int:
    """The log against the files, and every submission that is there."""
    snapshot = LocalStore(folder).snapshot()
    problems = {LOG: audit(snapshot)}
    names = snapshot.submissions()
    with Rendering(doing="checking", resumes=False) as bar:
        for number, name in enumerate(names):
            bar(number, len(names))
            try:
                problems[name] = list(verify(snapshot.folder / "submissions" / name, sets=sets).problems)
            except FeabError as error:
                problems[name] = [str(error)]
        bar(len(names), len(names))
    wrong = any(problems.values())
    if as_json:
        out_json({"right": not wrong, "problems": problems})
        return WRONG if wrong else RIGHT
    for name, lines in problems.items():
        out(f"{name}: {'right' if not lines else ''}".rstrip())
        for line in lines:
            out(f"  {line}")
    return WRONG if wrong else RIGHT


def _told(found: Verified) -> dict[str, object]:
    scores = None if found.scores is None else found.scores.model_dump(mode="json", by_alias=True)
    return {**asdict(found), "scores": scores}


def _show_verified(found: Verified) -> None:
    for line in found.warnings:
        say(f"warning: {line}")
    if found.scores is not None:
        console().print(scores_table(found.scores))
    if found.problems:
        _refused(found.problems)
        return
    out(f"right: {found.model}" + (", and its entry says the same" if found.compared else ""))
