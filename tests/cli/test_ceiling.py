"""What `feab data info` says of the people who rated a dataset."""

from __future__ import annotations

from pathlib import Path

from click.testing import Result
from faces_folder import made_info, picture
from typer.testing import CliRunner

from feab.cli import app
from feab.data import write_split
from feab.vocabulary import EXPRESSIONS


def rated(folder: Path, votes: list[list[float] | None]) -> Path:
    info = made_info("allowed").model_copy(update={"name": "rated", "aus": []})
    rows = ({"id": f"f{i}", "image": picture(i), "subject": f"p{i // 2}", "votes": v} for i, v in enumerate(votes))
    write_split(folder, "test", rows, info)
    return folder


def asked(folder: Path) -> Result:
    done = CliRunner().invoke(app, ["data", "info", str(folder)])
    assert done.exit_code == 0, done.stderr
    return done


def ballot(*votes: float) -> list[float]:
    return [*votes, *([0.0] * (len(EXPRESSIONS) - len(votes)))]


def test_raters_have_a_ceiling(tmp_path: Path) -> None:
    folder = rated(tmp_path / "rated", [ballot(8, 2)] * 20 + [ballot(9)] * 20 + [None])
    facts = dict(line.strip().split("  ", 1) for line in asked(folder).stdout.splitlines() if "  " in line.strip())
    told = {key: value.strip().replace("\N{NO-BREAK SPACE}", " ") for key, value in facts.items()}
    assert told["votes"] == "40 faces, 9 to 10 people each"
    # 8 of 10 hit the plurality of the others on half of the faces, everybody on the other half.
    assert told["one person agrees"].startswith("90.0 % (")
    assert told["one person agrees"].endswith(") with the plurality of the others")
    assert told["two people agree"].startswith(f"{(58 / 90 + 1) / 2:.1%}".replace("%", " %"))
    assert told["commonest label"].startswith("90.0 % (")


def test_shares_have_none(tmp_path: Path) -> None:
    text = asked(rated(tmp_path / "rated", [ballot(0.75, 0.25)] * 12)).stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert "12 faces, as shares: nobody can be left out" in text
    assert "one person" not in text
    assert "75.0 %" in text


def test_without_votes_not_a_word(tmp_path: Path) -> None:
    for number, votes in enumerate([[None] * 3, [ballot()] * 3]):
        assert "commonest label" not in asked(rated(tmp_path / str(number), votes)).stdout
