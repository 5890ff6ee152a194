"""A leaderboard as a process of its own: `python serving_board.py SPEC`, where SPEC is a JSON file. Prints its address.

The label sets of `feab leaderboard` are the datasets that are known by name; tests have one of their own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from feab.leaderboard import Board, LabelSet, LocalStore, Sets
from feab.leaderboard.app import make_app
from feab.leaderboard.app.serving import serve
from feab.leaderboard.draws import Draws
from feab.leaderboard.people import LocalPeople
from feab.leaderboard.service import Service


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(spec["folder"])
    sets = Sets({"made/test": LabelSet(spec["fingerprint"], Path(spec["faces"]))})
    board = Board(LocalStore(folder / "store"), sets, spec["per_day"], Draws(folder / "draws"))
    service = Service(board, LocalPeople(folder / "people.json"))
    blocks = make_app(service)
    _, address, _ = serve(blocks, "127.0.0.1", spec["port"], prevent_thread_lock=True)
    print(address, flush=True)
    blocks.block_thread()


if __name__ == "__main__":
    main()
