"""A leaderboard from where its submissions lie: what `feab leaderboard` and the app of a Space begin with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from feab.content import data_home
from feab.errors import FeabError
from feab.leaderboard.hub import HubStore
from feab.leaderboard.local import LocalStore
from feab.leaderboard.people import HubPeople, Identity, LocalPeople
from feab.leaderboard.receiving import PER_DAY, Board
from feab.leaderboard.seasons import seasons, with_seasons
from feab.leaderboard.service import Service
from feab.leaderboard.store import Store

HUB = "hf://datasets/"
_LOOK_S = 30.0
"""Seconds after which the Hub is asked again whether a store has moved (our choice)."""


def open_store(place: str) -> Store:
    """The store at a place: a folder, or `hf://datasets/OWNER/NAME`.

    Raises:
        FeabError: for another kind of address.
    """
    if place.startswith(HUB):
        return HubStore(place.removeprefix(HUB))
    if "://" in place:
        raise FeabError(f"{place}: give a leaderboard's folder, or {HUB}OWNER/NAME")
    return LocalStore(Path(place).expanduser())


def usual_store() -> str:
    """Where a leaderboard's submissions lie unless told: `leaderboard/results` here, else in the folder of feab's data.

    The first is where feab's own repository has them.
    """
    here = Path("leaderboard", "results")
    return str(here if here.is_dir() else data_home() / "leaderboard" / "results")


def open_service(
    place: str | None = None,
    *,
    include: Sequence[str | PathLike[str]] = (),
    per_day: int = PER_DAY,
    home: Path | None = None,
    private: bool = False,
) -> Service:
    """A leaderboard for many readers and submitters.

    Args:
        place: see `open_store`; by default `usual_store`.
        include: further folders of task files.
        per_day: attempts of one user in 24 hours.
        home: the folder of its seasons, by default `seasons_home`.
        private: whether faces are shown that their licence does not let be passed on; never on a Space.

    Raises:
        FeabError: as `open_store`, when a season cannot be read, and for `private` on a Space.
    """
    if private and "SPACE_ID" in os.environ:
        raise FeabError("a Space shows faces to everybody: those that may not be passed on are never shown there")
    store = open_store(place or usual_store())
    remote = isinstance(store, HubStore)
    given = seasons(home)
    board = Board(store, with_seasons(given, tuple(include)), per_day)
    return Service(board, _people(store), seasons=given, look_s=_LOOK_S if remote else 0.0, private=private)


def _people(store: Store) -> Identity | None:
    """On a Space, accounts of the Hub, where they can be kept: the disk of a Space is emptied whenever it starts."""
    if "SPACE_ID" not in os.environ:
        return LocalPeople()
    return HubPeople() if isinstance(store, HubStore) else None
