"""`feab knowledge`: its tables with their sources, what follows from a question, pictures, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from feab.cli import app
from feab.cli.inferring import parse_given
from feab.errors import FeabError
from feab.knowledge import Given
from feab.vocabulary import EXPRESSIONS, FEAB_17


def knowledge(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["knowledge", *map(str, arguments)])


def lines(done: Result) -> dict[str, list[str]]:
    assert done.exit_code == 0, done.stderr
    return {line.split("\t")[0]: line.split("\t") for line in done.stdout.splitlines()}


def test_the_table_says_what_is_printed_what_is_read_and_where_it_is_from() -> None:
    done = knowledge()
    found = lines(done)
    assert tuple(found) == ("expression", *EXPRESSIONS)
    header = found["expression"]
    assert header[1:18] == [str(au) for au in FEAB_17]
    assert found["happiness"][header.index("6")] == "51"
    assert found["happiness"][header.index("12")] == "~85"
    assert found["happiness"][header.index("4")] == ""
    assert found["contempt"][-2:] == ["-0.23", "+0.31"]
    assert "not checked against the original" in done.stderr
    assert "our choice" in done.stderr
    assert "silent: neutral, contempt" in done.stderr


def test_json_holds_the_bands_and_the_sources() -> None:
    done = knowledge("--theory", "emfacs", "--json")
    found = json.loads(done.stdout)
    disgust = next(row for row in found["rows"] if row["expression"] == "disgust")
    assert disgust["action_units"]["9"]["low"] == 0.7
    assert disgust["action_units"]["17"]["named"] is True
    assert not disgust["borrowed"]
    assert any("secondary copies disagree" in source["checked"] for source in found["sources"])
    assert found["theory"] == "emfacs"


@pytest.mark.parametrize("table", ["theories", "forms", "units", "pairs", "rates", "affect"])
@pytest.mark.parametrize("theory", ["du2014", "facs_2002"])
def test_every_table_prints_its_sources(table: str, theory: str) -> None:
    done = knowledge(table, "--theory", theory)
    assert len(done.stdout.splitlines()) > 5
    assert "[" in done.stderr
    assert json.loads(knowledge(table, "--theory", theory, "--json").stdout)["rows"]


def test_forms_are_written_as_coders_write_them() -> None:
    text = knowledge("forms", "--theory", "facs_2002").stdout
    for form in ("12C-D", "1+4+15 (+54+64)", "1+2+4+5+U20+25/26/27", "1+2+5B+26"):
        assert f"\t{form}\n" in text


def test_what_follows_from_units_stands_beside_what_was_before(tmp_path: Path) -> None:
    done = knowledge("--given", "au12=1,au06=1", "--given", "au4=0")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[1][:2] == ["expression", "happiness"]
    assert float(rows[1][2]) > 0.6
    assert rows[1][3] == "0.125"
    by_name = {row[0]: row for row in rows}
    assert (by_name["AU 12"][2], by_name["AU 4"][2]) == ("1.000", "0.000")
    assert by_name["valence"][2].startswith("+0.")
    assert "each label given, by the others: au" in done.stderr
    assert "displays, not feelings" in done.stderr


def test_the_answer_as_json_is_a_distribution() -> None:
    found = json.loads(knowledge("--given", "expression=Angry", "--theory", "cordaro_core", "--json").stdout)
    assert found["expression"]["anger"] == 1
    assert found["action_units"]["4"] > 0.7 > 0.2 > found["action_units"]["24"]
    assert found["valence"]["mean"] == pytest.approx(-0.51, abs=1e-3)
    assert found["agreement"] == {"expression": pytest.approx(0.125, abs=1e-4)}
    assert found["log_probability"] == pytest.approx(-2.0794, abs=1e-3)


@pytest.mark.parametrize("question", [(), ("--given", "au12=1")])
def test_pictures_are_drawn(question: tuple[str, ...], tmp_path: Path) -> None:
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    assert knowledge(*question, "--out", png).exit_code == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    done = knowledge(*question, "--out", svg)
    assert f"drawn: {svg}" in done.stderr
    assert ElementTree.fromstring(svg.read_text()).tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--theory", "freud"), "facs_2002"),
        (("--anchors", "anew"), "neighbours"),
        (("affect", "--loadings", "mine"), "affdex"),
        (("feelings",), "displays"),
        (("--out", "a.gif"), ".png"),
        (("pairs", "--out", "a.png"), "can be drawn"),
        (("--out", "nowhere/a.png"), "cannot write"),
        (("pairs", "--given", "au12=1"), "one of the two"),
        (("--given", "au12"), "au12=1"),
        (("--given", "au12=2"), "present"),
        (("--given", "au3=1"), "AU 3"),
        (("--given", "au12=1,au012=0"), "twice"),
        (("--given", "expression=grumpy"), "grumpy"),
        (("--given", "expression=fear", "--given", "expression=anger"), "twice"),
        (("--given", "valence=2"), "-1 to 1"),
        (("--given", "valence=nan"), "-1 to 1"),
        (("--given", "au1=1,"), "expression=anger"),
    ],
)
def test_mistakes_are_told(arguments: tuple[str, ...], told: str) -> None:
    done = knowledge(*arguments)
    assert done.exit_code == 2
    assert told in done.stderr


@given(st.text(alphabet="auexpression=,01.-vl ", max_size=30))
def test_any_words_are_a_question_or_a_named_error(text: str) -> None:
    try:
        found = parse_given([text])
    except FeabError:
        return
    assert found != Given()
