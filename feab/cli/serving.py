"""`feab leaderboard`: serve it, and give out its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feab.cli.output import out, say
from feab.cli.rendering import Rendering, Sent
from feab.errors import FeabError
from feab.leaderboard.app import make_app
from feab.leaderboard.benchmark import FRAMEWORK, benchmark_yaml, write_benchmark
from feab.leaderboard.opening import open_service, usual_store
from feab.leaderboard.people import LocalPeople
from feab.leaderboard.remote import SPACE, address_of, fetch_season
from feab.leaderboard.seasons import make_season
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


def benchmark_and_say(tasks: str, name: str, out_folder: Path, include: Sequence[Path]) -> None:
    """Write a benchmark's file, and say what is left to do."""
    path = write_benchmark(out_folder.expanduser(), benchmark_yaml(tasks, name=name, include=include))
    out(str(path))
    say(
        f"put it at the root of the dataset's repository; the Hub shows a benchmark once its team has let it and the "
        f"framework {FRAMEWORK!r} in (https://huggingface.co/docs/hub/eval-results)"
    )
