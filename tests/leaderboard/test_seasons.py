"""Seasons: faces are given out without labels, asked about, submitted, and scored with the labels that were kept."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from boards import with_line, with_manifest, zip_of
from typer.testing import CliRunner

import feab
from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard import Board, LocalStore, pack, verify
from feab.leaderboard.draws import Draws
from feab.leaderboard.opening import open_service
from feab.leaderboard.people import LocalPeople
from feab.leaderboard.remote import unpack_season
from feab.leaderboard.seasons import Season, make_season, seasons, with_seasons
from feab.leaderboard.service import Service

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def season(home: Path) -> Season:
    return make_season("2027-1", identities=3, size=64, home=home / "leaderboard" / "seasons")


@pytest.fixture(scope="module")
def given(season: Season, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faces as a participant has them."""
    return unpack_season(season.given, tmp_path_factory.mktemp("participant"))


@pytest.fixture(scope="module")
def run(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return feab.run("baseline/uniform", "synth", data=given, out=tmp_path_factory.mktemp("run") / "run").path


def test_nothing_that_is_given_out_tells_a_label(season: Season, given: Path) -> None:
    secret = json.loads((season.labels.parent / "season.json").read_text())["seed"]
    assert len(secret) == 64
    assert int(secret, 16).bit_length() > 128
    for path in (season.labels.parent / "season.json", season.labels.parent):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    table = pq.read_table(given / "test.parquet")
    flags = {"asked_expression", "asked_valence_arousal", "asked_action_units"}
    assert {name for name in table.column_names if table[name].null_count < len(table)} == {
        "id", "image", "face", *flags,
    }  # fmt: skip
    ids = table["id"].to_pylist()
    assert ids == sorted(ids)
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in ids)
    labelled = pq.read_table(season.labels / "test.parquet")
    assert labelled["id"].to_pylist() == ids
    assert labelled["expression"].null_count == len(ids) - sum(table["asked_expression"].to_pylist())
    people = labelled["identity"].to_pylist()
    assert people != sorted(people)
    told = json.dumps(season.told())
    for data in [told.encode(), season.given.read_bytes(), *(path.read_bytes() for path in given.iterdir())]:
        for form in (secret, str(int(secret, 16)), str(season.labels)):
            assert form.encode() not in data
    assert not (season.labels.parent / ".partial").exists()


def test_a_season_is_made_once(season: Season, home: Path) -> None:
    folder = home / "leaderboard" / "seasons"
    assert make_season("2027-1", identities=3, size=64, home=folder) == season
    assert seasons(folder) == (season,)
    with pytest.raises(FeabError, match="was begun with 3 identities of 64 px"):
        make_season("2027-1", identities=4, size=64, home=folder)
    for name in ("../x", "2027", "27-1", "2027-A", "2027-" + "a" * 30, ""):
        with pytest.raises(FeabError, match="a season is called by"):
            make_season(name, home=folder)
    with pytest.raises(FeabError, match="1 to 360 identities"):
        make_season("2027-2", identities=361, home=folder)
    assert seasons(folder) == (season,)


def test_a_run_is_not_scored_where_the_labels_are_not(run: Path, given: Path, tmp_path: Path) -> None:
    found = feab.load_run(run)
    assert found.complete
    assert found.scores is None
    with pytest.raises(FeabError, match="are kept by a leaderboard: submit the run"):
        feab.score(run, given)
    words = ["run", "--model", "baseline/uniform", "--tasks", "synth_expression", "--data", str(given)]
    done = RUNNER.invoke(app, [*words, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "its labels are kept by a leaderboard" in done.stderr


def test_a_submission_is_scored_with_the_labels_that_were_kept(
    run: Path, season: Season, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = with_seasons([season])
    board = Board(LocalStore(tmp_path / "store"), sets, draws=Draws(tmp_path / "draws"))
    service = Service(board, seasons=[season])
    archive = pack(run).zipped()
    assert service.check(archive) == ()
    verdict = service.submit(archive, "ada")
    entry = verdict.entry
    assert entry is not None, verdict.problems
    assert entry.tier == "verified"
    assert {task.season for task in entry.tasks.values()} == {"2027-1"}
    task = entry.tasks["synth_expression"]
    value = task.metrics["macro_f1"].value
    assert value is not None
    assert value == round(value, 2)
    assert task.n == sum(one.outcomes.ok for one in [task])
    rows = service.table()
    assert set(rows["season"].dropna()) == {"2027-1"}
    assert set(rows["tier"]) == {"verified"}
    stored = tmp_path / "store" / "submissions" / entry.id
    assert verify(stored, sets=sets).problems == ()
    assert "is not what the task is about" in "\n".join(verify(stored).problems)
    with pytest.raises(FeabError, match="hidden"):
        service.scores(entry.id)
    files = dict(pack(run).files)
    for bad, says in (
        (with_line(files, 0, sample="0" * 16), "is not in synth-2027-1/test"),
        (with_manifest(files, "identity/datasets", {"synth-2027-1/test": "0" * 64}), "other data"),
    ):
        told = service.check(zip_of(bad))
        assert any(says in line for line in told), told
        assert str(season.labels.parent) not in "\n".join(told)
    service.close()


def test_a_leaderboard_finds_its_seasons(
    home: Path, season: Season, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEAB_DATA", str(home))
    service = open_service(str(tmp_path / "store"))
    assert service.seasons == (season,)
    assert service.board.sets.named["synth-2027-1/test"].hidden
    done = RUNNER.invoke(app, ["leaderboard", "season", "2027-1", "--identities", "3", "--size", "64"])
    assert done.exit_code == 0, done.output
    assert season.fingerprint in done.stdout
    service.close()


def test_it_is_fetched_from_an_app(home: Path, season: Season, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gradio", reason="gradio is not installed (the leaderboard extra has it)")
    from feab.leaderboard.app import make_app
    from feab.leaderboard.app.serving import serve

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    service = Service(
        Board(LocalStore(tmp_path / "store"), with_seasons([season])), LocalPeople(tmp_path / "p"), seasons=[season]
    )
    blocks = make_app(service)
    _, url, _ = serve(blocks, "127.0.0.1", None, prevent_thread_lock=True)
    try:
        words = ["leaderboard", "season", "2027-1", "--from", url.rstrip("/"), "--out", str(tmp_path)]
        done = RUNNER.invoke(app, words)
        assert done.exit_code == 0, done.output
        folder = Path(done.stdout.strip())
        assert feab.load_dataset(folder).fingerprint == season.fingerprint
        assert RUNNER.invoke(app, words).exit_code == 2
        missing = RUNNER.invoke(app, ["leaderboard", "season", "2027-9", "--from", url.rstrip("/")])
        assert "there is no such season" in missing.stderr
    finally:
        blocks.close()
        service.close()


@pytest.mark.parametrize(
    "names",
    [
        ["../dataset.json", "../test.parquet"],
        ["synth-2027-1/dataset.json"],
        ["synth-2027-1/dataset.json", "synth-2027-1/../../x"],
        ["synth-2027-1/dataset.json", "synth-2027-1/test.parquet", "x"],
        ["<b>/dataset.json", "<b>/test.parquet"],
        [],
    ],
)
def test_only_a_seasons_two_files_are_unpacked(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with pytest.raises(FeabError, match="is no season's set of faces"):
        unpack_season(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    path.write_bytes(b"no zip")
    with pytest.raises(FeabError, match="cannot be unpacked"):
        unpack_season(path, tmp_path / "out")
