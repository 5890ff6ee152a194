"""Who may submit: a name is believed with its token alone, and an account when Hugging Face has said so."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from boards import Place
from typer.testing import CliRunner

from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard.opening import open_service
from feab.leaderboard.people import HubPeople, LocalPeople
from feab.leaderboard.service import Service

NOT_TOGETHER = "name and token do not belong together"


def test_a_name_goes_with_its_token(tmp_path: Path) -> None:
    people = LocalPeople(tmp_path / "in" / "people.json")
    with pytest.raises(FeabError, match=NOT_TOGETHER):
        people.who("ada", "", None)
    token = people.add("ada")
    other = people.add("bob")
    assert people.who("ada", token, "root") == "ada"
    for name, given in (("ada", other), ("ada", ""), ("ada", token[:-1]), ("ada", token + "x"), ("eve", token)):
        with pytest.raises(FeabError, match=NOT_TOGETHER):
            people.who(name, given, "ada")
    newer = people.add("ada")
    assert people.who("ada", newer, None) == "ada"
    with pytest.raises(FeabError, match=NOT_TOGETHER):
        people.who("ada", token, None)
    kept = people.file.read_text()
    assert not any(secret in kept for secret in (token, other, newer))
    assert stat.S_IMODE(people.file.stat().st_mode) == 0o600
    with pytest.raises(FeabError, match="user's name"):
        people.add("<b>")


def test_tokens_given_out_at_once_all_hold(tmp_path: Path) -> None:
    people = LocalPeople(tmp_path / "people.json")
    names = [f"p{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        tokens = list(pool.map(people.add, names))
    assert [people.who(name, token, None) for name, token in zip(names, tokens, strict=True)] == names


@pytest.mark.parametrize("text", ["{", "[]", '{"people": {"ada": "x"}}', '{"people": {}, "people": {}}'])
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(FeabError, match=r"people\.json"):
        LocalPeople(tmp_path / "people.json").who("ada", "x", None)


def test_an_account_is_the_hubs_word_and_never_a_field() -> None:
    asked: list[str] = []

    def account_of(token: str) -> str:
        asked.append(token)
        if token != "right":
            raise FeabError("the Hub does not know this token")
        return "ada"

    people = HubPeople(account_of)
    assert people.who("root", "", "ada") == "ada"
    assert people.who("root", "wrong", "ada") == "ada"
    assert asked == []
    assert people.who("root", "right", None) == "ada"
    for token, says in (("", "log in"), ("wrong", "does not know")):
        with pytest.raises(FeabError, match=says):
            people.who("ada", token, None)


def test_on_a_space_only_a_store_that_stays_takes_submissions(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path))
    assert isinstance(open_service(str(tmp_path / "store")).people, LocalPeople)
    monkeypatch.setenv("SPACE_ID", "owner/board")
    assert isinstance(open_service("hf://datasets/owner/results").people, HubPeople)
    service = open_service(str(tmp_path / "store"))
    assert service.people is None
    with pytest.raises(FeabError, match="nobody can submit here"):
        service.who("ada", "x", "ada")
    assert Service(place.board(tmp_path)).people is None
    with pytest.raises(FeabError, match="give a leaderboard's folder"):
        open_service("ftp://x")


def test_feab_leaderboard_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path))
    done = CliRunner().invoke(app, ["leaderboard", "token", "ada"])
    assert done.exit_code == 0
    token = done.stdout.strip()
    assert LocalPeople().who("ada", token, None) == "ada"
    assert token not in done.stderr
    assert json.loads((tmp_path / "leaderboard" / "people.json").read_text())["people"].keys() == {"ada"}
    assert CliRunner().invoke(app, ["leaderboard", "token", "../x"]).exit_code == 2
