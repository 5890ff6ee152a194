"""`feab leaderboard`: serve it, and give out its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feab.cli.output import out, say
from feab.leaderboard.app import make_app
from feab.leaderboard.opening import open_service, usual_store
from feab.leaderboard.people import LocalPeople
from feab.leaderboard.space import build_space


def serve_and_say(store: str | None, host: str, port: int | None, include: Sequence[Path]) -> None:
    """Serve a leaderboard until it is interrupted."""
    place = store or usual_store()
    service = open_service(place, include=include)
    try:
        blocks = make_app(service)
        from feab.leaderboard.app.serving import serve

        service.state()  # a store that cannot be read is told of here, not on a page
        _, address, _ = serve(blocks, host, port, prevent_thread_lock=True)
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
