"""Wordings of one's own: files that are right are read, and what is wrong is named with its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.content import shipped
from feab.errors import FeabError
from feab.generation.templates import LISTS, fill, load_templates, names_in


@pytest.fixture
def own(tmp_path: Path) -> Path:
    shutil.copytree(shipped("generation") / "templates", tmp_path / "own")
    return tmp_path / "own"


def test_what_travels_with_feab_is_complete() -> None:
    templates = load_templates()
    assert set(templates.lists) == set(LISTS)
    for name, wordings in templates.lists.items():
        assert len(set(wordings)) == len(wordings) >= 1
        for text in wordings:
            assert names_in(text) <= LISTS[name]
    assert all(len(order) >= 2 for order in templates.orders)
    assert len(templates.sha256) == 64


def test_a_wording_that_is_added_is_drawn(own: Path) -> None:
    path = own / "coarse.yaml"
    path.write_text(path.read_text().replace("answers:", 'answers:\n  - "It is {label}, I say."'))
    assert "It is {label}, I say." in load_templates(own).lists["coarse.answers"]
    assert load_templates(own).sha256 != load_templates().sha256


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (replaced("coarse.yaml", "{label}", "{labels}"), r"coarse\.answers: wording \d+: .* is not known"),
        (replaced("coarse.yaml", "{label}", "{label.__class__}"), "holds a brace or name"),
        (replaced("coarse.yaml", "{label}", "{"), "holds a brace or name"),
        (replaced("coarse.yaml", "This is {display}.", "The face displays {display}."), "occurs twice"),
        (replaced("coarse.yaml", "This is {display}.", '""'), "must be text"),
        (replaced("coarse.yaml", "This is {display}.", "x" * 1001), "must be text of 1 to"),
        (replaced("coarse.yaml", "This is {display}.", "12"), "must be text"),
        (replaced("coarse.yaml", "questions:", "quests:"), r"'coarse\.quests' is no list"),
        (replaced("coarse.yaml", "schema: 1", "schema: 2"), "schema: 1"),
        (replaced("coarse.yaml", "schema: 1", "schema: [1"), "not valid YAML"),
        (replaced("choice.yaml", "letter:", "letters:"), r"'choice\.letters' is no list"),
        (replaced("conversation.yaml", "[coarse, fine]", "[coarse]"), "order 1: must name 2 or more"),
        (replaced("conversation.yaml", "[coarse, fine]", "[coarse, coarse]"), "each once"),
        (replaced("conversation.yaml", "[coarse, fine]", "[limits, fine]"), "begin with neither"),
        (replaced("conversation.yaml", "[coarse, fine]", "[coarse, joke]"), "order 1"),
        (replaced("words.yaml", "  fear:", "  fears:"), "expressions: must name"),
        (replaced("words.yaml", "adjective: sad", "adjective: 3"), r"expressions\.sadness\.adjective"),
        (replaced("words.yaml", "from: 0.35", "from: 0.75"), "valence: must be rows"),
        (replaced("words.yaml", "from: -1.0", "from: -0.9"), "must be rows"),
        (lambda folder: (folder / "fine.yaml").unlink(), r"fine\.yaml"),
        (lambda folder: (folder / "fine.yaml").write_text("schema: 1\nopen: ['What?']\n"), "are missing"),
        (lambda folder: (folder / "fine.yaml").write_bytes(b" " * 300_000), "larger than"),
    ],
)
def test_what_is_wrong_is_named(own: Path, change: Callable[[Path], None], says: str) -> None:
    change(own)
    with pytest.raises(FeabError, match=says):
        load_templates(own)


@given(st.text(max_size=40))
def test_what_is_put_in_is_not_looked_at_again(value: str) -> None:
    assert fill("a {label} b {Label}", {"label": value}) == f"a {value} b {value[:1].upper()}{value[1:]}"
