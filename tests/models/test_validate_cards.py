"""Model cards with planted faults: each is named with its line, and all of a card at once."""

from __future__ import annotations

import pytest

from feab.content import shipped
from feab.models import loading, providers
from feab.models.cards import list_models
from feab.models.validate import check_card_file
from feab.problems import Gather

GOOD = """\
name: mine
adapter: baseline/majority
args:
  valence: 0.5
  arousal: 0.1
access: open
parameters: 7.6B
licence: MIT
price: {input: 1, output: 2}
release_date: 2025-01-31
trained_on: [synth]
intended_use: tests
url: https://example.org
"""


def check(tmp_path, text, name="mine.yaml"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    notes = Gather(file)
    check_card_file(file, notes)
    return notes.problems


def test_a_good_card_is_clean(tmp_path):
    assert check(tmp_path, GOOD) == ()


def test_every_adapter_says_what_arguments_it_takes():
    from importlib import import_module

    assert all(callable(import_module(loading.PROVIDERS[word]).options_of) for word in providers())


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("access: open", "access: ajar", 6, "access: input should be 'open' or 'closed'"),
        ("parameters: 7.6B", "parameters: -1", 7, "parameters: input should be greater than 0"),
        ("price: {input: 1, output: 2}", "price: {input: -1}", 9, "price.input: input should be greater"),
        ("price: {input: 1, output: 2}", "price: {input: 1}", 9, "price.output: field required"),
        ("price: {input: 1, output: 2}", "price: {input: 90000, output: 2}", 9, "price: is more than"),
        ("release_date: 2025-01-31", "release_date: soon", 10, "release_date: "),
        ("release_date: 2025-01-31", "release_date: 2199-01-31", 10, "release_date: has not come yet"),
        ("trained_on: [synth]", "trained_on: synth", 11, "trained_on: input should be a valid list"),
        ("url: https://example.org", "url: javascript:alert(1)", 13, "url: string should match"),
        ("url: https://example.org", "colour: red", 13, "colour: extra inputs"),
        ("name: mine", "name: other", 1, "name: 'other' belongs in other.yaml"),
        ("baseline/majority", "nothing/x", 2, "adapter: unknown provider 'nothing'"),
        ("baseline/majority", "baseline/none", 2, "adapter: unknown baseline 'none'"),
        ("baseline/majority", "mock/./gone.yaml", 2, "gone.yaml: cannot read it"),
        ("baseline/majority", "mock/./../gone.yaml", 2, "adapter: ./../gone.yaml leaves the card's folder"),
        ("baseline/majority", "hf/./gone", 2, "no such folder"),
        ("valence: 0.5", "valence: 5", 4, "args.valence: Input should be less than or equal to 1"),
        ("arousal: 0.1", "speed: 5", 5, "args.speed: is no argument of baseline/…"),
        ("access: open", "access: [", 8, "not valid YAML"),
        ("access: open", "name: x", 6, "the key 'name' occurs twice"),
    ],
)
def test_each_planted_fault_is_named_with_its_line(tmp_path, old, new, line, says):
    assert old in GOOD
    found = check(tmp_path, GOOD.replace(old, new, 1))
    said = [p for p in found if says in f"{p.where}: {p.message}"]
    assert said, [str(p) for p in found]
    assert said[0].line == line
    assert said[0].advice or "YAML" in said[0].message


def test_all_faults_of_a_card_are_told_at_once(tmp_path):
    text = GOOD.replace("open", "ajar").replace("7.6B", "many").replace("MIT", "''").replace("valence: 0.5", "speed: 1")
    assert {p.where for p in check(tmp_path, text)} == {"access", "parameters", "licence"}
    found = check(tmp_path, GOOD.replace("valence: 0.5", "speed: 1").replace("arousal: 0.1", "arousal: 7"))
    assert {(p.where, p.line) for p in found} == {("args.speed", 4), ("args.arousal", 5)}
    assert "known are expressions, valence, arousal, action_units" in {p.advice for p in found}


def test_a_script_beside_the_card_is_read(tmp_path):
    text = GOOD.replace("baseline/majority", "mock/./answers.yaml").replace(
        "args:\n  valence: 0.5\n  arousal: 0.1\n", ""
    )
    (tmp_path / "answers.yaml").write_text("answers: [{text: happiness}]\n")
    assert check(tmp_path, text) == ()
    (tmp_path / "answers.yaml").write_text("answers: [{txt: happiness}]\n")
    (found,) = check(tmp_path, text)
    assert "answers.0.txt" in found.message


def test_the_shipped_cards_are_clean():
    for card in list_models([shipped("models")]):
        notes = Gather(card.path)
        check_card_file(card.path, notes)
        assert notes.problems == ()
