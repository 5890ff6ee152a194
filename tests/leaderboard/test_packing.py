"""What leaves the machine: the answers, what was asked, and facts of the model; no key, no path, no address."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from boards import Place
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.leaderboard import EntryCard, pack
from feab.leaderboard.scrubbing import LOCAL_ADDRESS, LOCAL_PATH, SECRET, scrubbed, secrets_in
from feab.models.cards import find_card
from feab.runs import load_run
from feab.runs.identity import identity_sha256

KEY = "sk-" + "a1B2" * 8


def edited(place: Place, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    shutil.copytree(place.runs["uniform"], folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_submission_holds_three_files_and_says_what_it_leaves_out(place: Place) -> None:
    packed = pack(place.runs["uniform"])
    assert list(packed.files) == ["manifest.json", "predictions.jsonl", "card.json"]
    assert packed.files["predictions.jsonl"] == (place.runs["uniform"] / "predictions.jsonl").read_bytes()
    assert "machine.release" in packed.left_out
    assert packed.card == EntryCard.model_validate_json(packed.files["card.json"])
    assert packed.card.name == "baseline/uniform"
    whole = b"".join(packed.files.values())
    assert str(place.folder).encode() not in whole
    assert b"adapter" not in packed.files["card.json"]


def test_secrets_paths_and_addresses_stay_at_home(place: Place, tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["permission"] = "mail of 3 May from Dr Who"
        manifest["columns"] = {"id": "patient"}
        manifest["machine"]["hostname"] = "gpu-7"
        manifest["machine"]["model"] = {"path": str(Path.home() / "weights"), "device": "cuda:0"}
        manifest["identity"]["model"] = "hf//home/ada/secret-project/my-model"
        manifest["identity"]["adapter_args"] = {
            "base_url": "http://10.0.0.5:8000/v1",
            "public": "https://me:pw@api.example.com/v1?key=1",
            "inside": "https://llm.corp/v1",
            "api_key": "x",
            "headers": {"Authorization": "Bearer x"},
            "max_tokens": 64,
            "list": [f"{Path.home()}/a", "../b", "C:\\c", "plain", 3],
            "note": f"see {KEY}",
        }

    run = edited(place, tmp_path / "run", change)
    sent = scrubbed(load_run(run).manifest)
    args = sent.identity.adapter_args
    assert args == {
        "base_url": LOCAL_ADDRESS,
        "public": "https://api.example.com/v1",
        "inside": LOCAL_ADDRESS,
        "api_key": SECRET,
        "headers": SECRET,
        "max_tokens": 64,
        "list": [LOCAL_PATH, LOCAL_PATH, LOCAL_PATH, "plain", 3],
        "note": SECRET,
    }
    assert sent.identity.model == "hf/my-model"
    assert sent.identity_sha256 == identity_sha256(sent.identity)
    assert sent.permission is None
    assert sent.columns == {}
    assert "hostname" not in sent.machine
    assert sent.machine["model"] == {"path": LOCAL_PATH, "device": "cuda:0"}
    with pytest.raises(FeabError, match="no card says who hf//home"):
        pack(run)
    card = tmp_path / "mine.yaml"
    card.write_text("name: mine\nadapter: hf/x\naccess: open\nlicence: MIT\nintended_use: tests\nparameters: 7B\n")
    packed = pack(run, card)
    assert (packed.card.name, packed.card.parameters) == ("hf/my-model", 7_000_000_000)
    assert {"permission", "columns.id"} <= {line.partition(" ")[0] for line in packed.left_out}
    whole = b"".join(packed.files.values())
    for secret in (KEY, "/home/ada", "Dr Who", "patient", "gpu-7", "10.0.0.5", "pw", str(Path.home())):
        assert secret.encode() not in whole.replace(packed.files["predictions.jsonl"], b""), secret


@pytest.mark.parametrize("key", [KEY, "hf_" + "a" * 34, "ghp_" + "b" * 36, "AIza" + "c" * 35, "AKIA" + "D" * 16])
def test_a_key_in_an_answer_stops_everything(place: Place, tmp_path: Path, key: str) -> None:
    run = edited(place, tmp_path / "run", lambda manifest: None)
    lines = (run / "predictions.jsonl").read_text().splitlines()
    lines[4] = json.dumps({**json.loads(lines[4]), "text": f"my key is {key}."})
    (run / "predictions.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(FeabError, match=r"line 5: holds what looks like a provider's key") as error:
        pack(run)
    assert key not in str(error.value)


def test_a_home_folder_in_an_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert list(secrets_in(b'{"text": "in /home/ada/x"}')) == ["the path of your home folder"]
    assert list(secrets_in(b'{"text": "she looks happy"}')) == []


def test_a_run_with_errors_or_a_limit_is_not_packed(place: Place, tmp_path: Path) -> None:
    def fail(manifest: dict[str, Any]) -> None:
        manifest["outcomes"]["ok"] -= 1
        manifest["outcomes"]["error"] = 1

    with pytest.raises(FeabError, match="an incomplete run cannot be submitted"):
        pack(edited(place, tmp_path / "a", fail))
    with pytest.raises(FeabError, match="submit a run without --limit"):
        pack(edited(place, tmp_path / "b", lambda manifest: manifest["identity"].update(limit=5)))


@given(
    st.dictionaries(
        st.sampled_from(["token", "api_key", "x_secret", "password"]), st.text(min_size=8, max_size=20), min_size=1
    )
)
def test_what_is_named_like_a_secret_never_leaves(secrets: dict[str, str]) -> None:
    from feab.leaderboard.scrubbing import _value

    assert _value({"deep": [{"er": secrets}]}, "") == {"deep": [{"er": dict.fromkeys(secrets, SECRET)}]}


def test_every_shipped_card_makes_a_stub() -> None:
    from feab.models import list_models

    for card in list_models():
        assert EntryCard.of(card, card.name).licence == card.licence
    assert find_card("baseline/uniform") is not None
