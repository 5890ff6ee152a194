"""`feab models`: the list, one card with its sources, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from click.testing import Result
from typer.testing import CliRunner

from feab.cli import app


def feab_models(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)])


def make_card(folder: Path, **changes: object) -> Path:
    card = {
        "name": "mine",
        "adapter": "carrier-pigeon/home",
        "access": "closed",
        "licence": "MIT",
        "parameters": "7.6B",
        "price": {"input": 2.5, "output": 10, "as_of": "2026-01-31"},
        "release_date": "2025-01-26",
        "intended_use": "tests",
        "sources": {"price": "https://example.org/prices", "licence": "https://example.org/licence"},
        **changes,
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(card))
    return folder


def test_the_list_works_alone_and_with_a_folder_of_ones_own(tmp_path: Path) -> None:
    done = feab_models()
    assert done.exit_code == 0
    rows = {line.split("\t")[0]: line.split("\t") for line in done.stdout.splitlines()}
    assert {"feab-tiny", "baseline/fer", "qwen2.5-vl-7b", "gpt-4o"} <= set(rows)
    assert rows["gpt-4o"][1] == "closed"
    assert rows["gpt-4o"][4] == "2.5 in, 10 out"
    assert "hf/…" in done.stderr
    mine = feab_models("--include", make_card(tmp_path))
    assert "mine\tclosed\t7.6B\tMIT\t2.5 in, 10 out\tcarrier-pigeon/home" in mine.stdout


def test_a_card_is_shown_with_its_sources(tmp_path: Path) -> None:
    done = feab_models("show", "mine", "--include", make_card(tmp_path))
    assert done.exit_code == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    price = next(number for number, line in enumerate(lines) if line.startswith("price"))
    assert "$2.5 in, $10 out per million tokens, on 2026-01-31" in lines[price]
    assert lines[price + 1] == "https://example.org/prices"
    assert any(line.startswith("release date") and "2025-01-26" in line for line in lines)
    as_json = json.loads(feab_models("show", "mine", "--include", tmp_path, "--json").stdout)
    assert as_json["sources"]["licence"] == "https://example.org/licence"
    assert as_json["parameters"] == 7_600_000_000
    assert "path" not in as_json


def test_hostile_text_in_a_card_stays_text(tmp_path: Path) -> None:
    done = feab_models("show", "mine", "--include", make_card(tmp_path, description="\x1b[31mred [bold]x[/bold]"))
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "[bold]x[/bold]" in done.stdout


def test_an_unknown_card_is_answered_with_close_ones() -> None:
    done = feab_models("show", "qwen2.5-vl-8b")
    assert done.exit_code == 2
    assert "did you mean qwen2.5-vl-7b" in done.stderr
