"""Faces that may not be passed on: shown to the person who has them, on that person's machine, when asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from boards import Place
from seen import Seen

from feab.errors import FeabError
from feab.leaderboard import Board, LabelSet, LocalStore, Sets
from feab.leaderboard.draws import Draws
from feab.leaderboard.opening import open_service
from feab.leaderboard.pages.index import Pages
from feab.leaderboard.pages.shown import link_to
from feab.leaderboard.service import Service


@pytest.fixture(scope="module")
def board(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Board:
    """The small set under a licence that lets no face be passed on."""
    folder = tmp_path_factory.mktemp("licensed")
    known = place.sets.named["made/test"]
    faces = folder / "made"
    shutil.copytree(Path(str(known.labels)), faces)
    info = json.loads((faces / "dataset.json").read_text())
    (faces / "dataset.json").write_text(json.dumps({**info, "images_may_be_shared": False}))
    sets = Sets({"made/test": LabelSet(known.fingerprint, faces)})
    made = Board(LocalStore(folder / "store"), sets, 1000, Draws(folder / "draws"))
    opened = Service(made)
    assert opened.submit(place.zipped("expression"), "ada").entry is not None
    opened.close()
    return made


@pytest.mark.parametrize("private", [False, True])
def test_such_faces_are_shown_in_private_alone(board: Board, *, private: bool) -> None:
    service = Service(board, private=private)
    ids = [str(one) for one in service.table()["submission"].dropna().unique()]
    seen = Seen(Pages(service).show(link_to("faces", models=ids)).html)
    service.close()
    assert "of 96 faces" in seen.words
    assert len(seen.all("img")) == (24 if private else 0)
    assert ("For your eyes only" in seen.words) == private
    assert ("Without pictures" in seen.words) != private
    assert seen.harmless


def test_never_on_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/name")
    with pytest.raises(FeabError, match="never shown there"):
        open_service(str(tmp_path / "store"), private=True)


class Launched:
    """Blocks that are not served: what they would be served with."""

    def __init__(self) -> None:
        self.how: dict[str, Any] = {}

    def queue(self, **_: object) -> None:
        pass

    def launch(self, **how: Any) -> tuple[None, str, str]:
        self.how = how
        return None, "", ""


def test_only_to_a_browser_of_this_machine() -> None:
    pytest.importorskip("gradio", reason="gradio is not installed (the leaderboard extra has it)")
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from feab.leaderboard.app.serving import serve

    blocks: Any = Launched()
    for host in ("0.0.0.0", "192.168.1.7", "board.example.org"):
        with pytest.raises(FeabError, match="others would see it too"):
            serve(blocks, host, None, private=True)
    assert blocks.how == {}
    serve(blocks, "127.0.0.1", 7860, private=True)
    app = Starlette(middleware=blocks.how["app_kwargs"]["middleware"])
    statuses = {
        name: TestClient(app, base_url=f"http://{name}").get("/").status_code
        for name in ("127.0.0.1:7860", "localhost:7860", "rebound.example.org:7860")
    }
    assert statuses == {"127.0.0.1:7860": 404, "localhost:7860": 404, "rebound.example.org:7860": 400}
    serve(blocks, "0.0.0.0", 7860)
    assert len(blocks.how["app_kwargs"]["middleware"]) == 1
