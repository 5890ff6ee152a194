"""`feab leaderboard`: serve it, and give out its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feab.cli.output import out, out_json, say
from feab.cli.rendering import Rendering, Sent
from feab.errors import FeabError
from feab.leaderboard.app import make_app
from feab.leaderboard.benchmark import FRAMEWORK, benchmark_yaml, write_benchmark
from feab.leaderboard.opening import open_service, open_store, usual_store
from feab.leaderboard.people import LocalPeople
from feab.leaderboard.receiving import Board
from feab.leaderboard.remote import SPACE, address_of, fetch_season
from feab.leaderboard.rerunning import run_again
from feab.leaderboard.seasons import make_season, seasons, with_seasons
from feab.leaderboard.space import build_space


def serve_and_say(store: str | None, host: str, port: int | None, include: Sequence[Path], *, private: bool) -> None:
    """Serve a leaderboard until it is interrupted."""
    place = store or usual_store()
    service = open_service(place, include=include, private=private)
    try:
        blocks = make_app(service)
        from feab.leaderboard.app.serving import serve

        service.state()  # a store that cannot be read is told of here, not on a page
        _, address, _ = serve(blocks, host, port, private=private, prevent_thread_lock=True)
        say(f"the leaderboard of {place} is at {address} (Ctrl-C ends it)")
        blocks.block_thread()
    finally:
        service.close()


def give_token(name: str) -> None:
    """Print a new token of somebody's, once."""
    people = LocalPeople()
    out(people.add(name))
    say(f"the token of {name}; only its hash is kept, in {people.file}")


def build_and_say(out: Path, wheel: Path | None) -> None:
    """Write the folder of a Space."""
    made = build_space(out.expanduser(), wheel=wheel)
    say(f"{made.folder}: a Space with {made.wheel} and {made.submissions:,} submissions")


def season_and_say(name: str, identities: int, size: int) -> None:
    """Render a season, and say what is given out."""
    with Rendering() as bar:
        made = make_season(name, identities=identities, size=size, on_progress=bar)
    out(f"{made.data}: {made.faces:,} faces, fingerprint {made.fingerprint}, seed of sha256 {made.seed_sha256}")
    say(f"given out: {made.given}; its labels are in {made.labels}, which nobody else may read")


def fetch_and_say(source: str, name: str, into: Path) -> None:
    """Fetch a season's faces."""
    address = address_of(source)
    if address is None:
        raise FeabError(f"--from {source}: give a leaderboard's app, such as https://HOST or {SPACE}OWNER/NAME")
    with Sent() as shown:
        folder = fetch_season(address, name, into, on_stage=shown)
    out(str(folder))


def rerun_and_say(
    submission: str, run: Path, store: str | None, user: str, include: Sequence[Path], *, as_json: bool
) -> int:
    """Compare a second run of a listed model with the first, and say what came of it; the exit status."""
    board = Board(open_store(store or usual_store()), with_seasons(seasons(), tuple(include)))
    with Rendering(doing="checking", resumes=False) as bar:
        found = run_again(board, submission, run, user=user, on_progress=bar)
    if as_json:
        out_json(found.model_dump(mode="json", by_alias=True) | {"agrees": found.agrees})
        return 0 if found.agrees else 2
    for name, task in found.tasks.items():
        out(f"{name}: {task.told}")
    out(
        f"{found.same:,} of {found.answers:,} answers are alike; not as before: {', '.join(found.differs) or 'nothing'}"
    )
    out(f"{submission}: {'verified' if found.agrees else 'not verified, and the log says why'}")
    return 0 if found.agrees else 2


def benchmark_and_say(tasks: str, name: str, out_folder: Path, include: Sequence[Path]) -> None:
    """Write a benchmark's file, and say what is left to do."""
    path = write_benchmark(out_folder.expanduser(), benchmark_yaml(tasks, name=name, include=include))
    out(str(path))
    say(
        f"put it at the root of the dataset's repository; the Hub shows a benchmark once its team has let it and the "
        f"framework {FRAMEWORK!r} in (https://huggingface.co/docs/hub/eval-results)"
    )
