"""`feab submit` and `feab verify`: what is sent, what became of it, what is right."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from feab.cli.output import console, out, out_json, say
from feab.cli.rendering import Rendering, Sent
from feab.errors import FeabError
from feab.leaderboard.audit import audit
from feab.leaderboard.checking import examine, told
from feab.leaderboard.choosing import place
from feab.leaderboard.hub import HubStore
from feab.leaderboard.local import LocalStore
from feab.leaderboard.modelrepo import prepare, propose_results
from feab.leaderboard.opening import HUB, open_store
from feab.leaderboard.packing import Packed
from feab.leaderboard.packing import pack as pack_run
from feab.leaderboard.receiving import Board, receive
from feab.leaderboard.records import PREDICTIONS
from feab.leaderboard.remote import SPACE, TOKEN, Address, address_of, submit_to
from feab.leaderboard.rerunning import check_reruns
from feab.leaderboard.seasons import seasons, with_seasons
from feab.leaderboard.sets import Sets
from feab.leaderboard.store import LOG, events_of
from feab.leaderboard.told import Told, told_of
from feab.leaderboard.unpacking import unpacked
from feab.leaderboard.verifying import Verified, verify
from feab.runs.folder import load_run
from feab.runs.outside.hub_eval import HUB_EVAL, hub_eval, to_yaml
from feab.runs.outside.model_card import CARD as MODEL_CARD
from feab.runs.scoring import score
from feab.runs.table import scores_table

WHERE = f"--to DIR, --to https://…, --to {SPACE}OWNER/NAME or --to {HUB}OWNER/NAME"
RIGHT, WRONG = 0, 2


@dataclass(frozen=True, slots=True)
class Sending:
    """Where a submission goes, and as whose."""

    to: str | None
    pack: Path | None
    user: str
    yes: bool
    model_repo: str | None = None
    """A model's repository on the Hub, which its scores are proposed to."""
    hub_dataset: str | None = None
    """Where on the Hub the faces are that they are about."""


def submit_and_show(run: Path, sending: Sending, *, card: Path | None, include: Sequence[Path], as_json: bool) -> int:
    """Pack, show, send; the exit status."""
    to, pack = sending.to, sending.pack
    if sum(one is not None for one in (to, pack, sending.model_repo)) != 1:
        raise FeabError(f"say where it goes: {WHERE}, --model-repo OWNER/NAME, or --pack FILE to send nothing")
    if sending.model_repo is not None:
        return _propose_scores(run, sending.model_repo, sending, include)
    address = None if to is None else address_of(to)  # what is wrong with it is told before anything is read
    packed = pack_run(run, card, include=include)
    for line in sent(packed):
        say(line)
    if pack is not None:
        _write_new(pack, packed.zipped())
        say(f"written to {pack}; nothing was sent")
        return RIGHT
    assert to is not None
    sets = Sets(include=tuple(include))
    if address is not None:
        return _send(packed, address, sets, sending, as_json=as_json)
    store = open_store(to)
    if isinstance(store, HubStore):
        return _propose(packed, store, sets, yes=sending.yes)
    board = Board(store, with_seasons(seasons(), tuple(include)))
    with Rendering(doing="checking", resumes=False) as bar:
        verdict = receive(board, packed.zipped(), user=sending.user, on_progress=bar)
    return _say(told_of(verdict, board), f"in {store.name}", as_json=as_json)


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


def _send(packed: Packed, address: Address, sets: Sets, sending: Sending, *, as_json: bool) -> int:
    """Check here what can be, and give it to a leaderboard's app."""
    problems = _problems(packed, sets)
    if problems:
        return _refused(problems)
    if not address.local and not _agreed(address.source, yes=sending.yes):
        return WRONG
    token = os.environ.get(TOKEN) or _asked(address.source)
    with Sent() as shown:
        told, where = submit_to(address, packed.zipped(), user=sending.user, token=token, on_stage=shown)
    return _say(told, f"at {where}", as_json=as_json)


def _propose(packed: Packed, store: HubStore, sets: Sets, *, yes: bool) -> int:
    """Check here, and open a pull request."""
    problems = _problems(packed, sets)
    if problems:
        return _refused(problems)
    if not _agreed(store.name, yes=yes):
        return WRONG
    digits = hashlib.sha256(packed.files[PREDICTIONS]).hexdigest()[:12]
    address = store.propose({f"incoming/{digits}.zip": packed.zipped()}, f"Submission of {packed.card.name}")
    out(f"sent: {address}")
    return RIGHT


def _propose_scores(run: Path, repository: str, sending: Sending, include: Sequence[Path]) -> int:
    """Open a pull request that adds the scores to a model's repository."""
    found = load_run(run)
    results = hub_eval(found, found.scores or score(found, include=include, write=False), sending.hub_dataset)
    proposal = prepare(repository, results)
    say(f"--- {HUB_EVAL}\n{results.file.decode().rstrip()}")
    if proposal.left is not None:
        say(f"--- the model card is left as it is: {proposal.left}")
    else:
        (model,) = results.model_index(repository)
        say(f"--- {MODEL_CARD}, among the results of its metadata\n{to_yaml(model['results']).rstrip()}")
    if not _agreed(f"hf://{repository}", yes=sending.yes):
        return WRONG
    out(f"sent: {propose_results(proposal)}")
    return RIGHT


def _problems(packed: Packed, sets: Sets) -> tuple[str, ...]:
    """What is wrong with it by the rules of a leaderboard, where all the labels are here."""
    if any(sets.find(told) is None for told in packed.manifest.identity.tasks.values()):
        say("the labels of some of it are not here: it is checked there")
        return ()
    with unpacked(packed.zipped()) as found, Rendering(doing="checking", resumes=False) as bar:
        return told(examine(found, sets, bar))


def _agreed(where: str, *, yes: bool) -> bool:
    if yes or typer.confirm(f"Send this to {where}?", err=True):
        return True
    say("nothing was sent")
    return False


def _asked(where: str) -> str:
    """The token, asked for where somebody can answer."""
    if not sys.stdin.isatty():
        raise FeabError(f"{where} wants to know who submits: put your token of it into the variable {TOKEN}")
    return str(typer.prompt(f"Your token of {where}", hide_input=True, err=True))


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.expanduser().open("xb") as file:
            file.write(data)
    except OSError as error:
        raise FeabError(f"{path}: cannot write it ({error.strerror})") from None


def _say(told: Told, where: str, *, as_json: bool) -> int:
    """Print what became of it; the exit status."""
    if as_json:
        out_json(told.model_dump(mode="json"))
    elif not told.accepted:
        _refused(told.problems)
    else:
        out(f"listed: {told.model} as {told.submission} ({told.tier}), {where}")
        for name, (best, worst) in told.places.items():
            score = told.scores[name].value if name in told.scores else None
            out(f"  {name}{'' if score is None else f', {score:.3f}'}: place {place(best, worst)}")
        for name, why in told.not_ranked.items():
            out(f"  {name}: not ranked ({why})")
        out(f"  attempt {told.attempts_today} of {told.attempts_a_day} in 24 hours, of {told.user}")
    return RIGHT if told.accepted else WRONG


def _refused(problems: Sequence[str]) -> int:
    out("refused:")
    for line in problems:
        out(f"  {line}")
    return WRONG


# --------------------------------------------------------------------------------------------------------------- verify


def verify_and_show(submission: Path, include: Sequence[Path], *, as_json: bool) -> int:
    """Verify one submission, or a leaderboard's folder; the exit status."""
    sets = with_seasons(seasons(), tuple(include))
    if (submission / LOG).is_file():
        return _verify_all(submission, sets, as_json=as_json)
    with Rendering(doing="checking", resumes=False) as bar:
        found = verify(submission, sets=sets, on_progress=bar)
    if as_json:
        out_json(_verified(found))
    else:
        _show_verified(found)
    return WRONG if found.problems else RIGHT


def _verify_all(folder: Path, sets: Sets, *, as_json: bool) -> int:
    """The log against the files, every submission that is there, and every second run of one."""
    snapshot = LocalStore(folder).snapshot()
    problems = {LOG: audit(snapshot)}
    names = snapshot.submissions()
    events = events_of(snapshot) if not problems[LOG] else []
    with Rendering(doing="checking", resumes=False) as bar:
        for number, name in enumerate(names):
            bar(number, len(names))
            try:
                problems[name] = list(verify(snapshot.folder / "submissions" / name, sets=sets).problems)
                problems[name] += check_reruns(snapshot, events, name, sets)
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


def _verified(found: Verified) -> dict[str, object]:
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
