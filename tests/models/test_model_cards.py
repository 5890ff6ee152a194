"""Cards and names: what a user may write, and what they are told when it is wrong."""

from __future__ import annotations

import os
import sys

import pytest
import yaml

from feab.content import shipped
from feab.errors import FeabError
from feab.models import ModelCard, list_models, load_model, providers
from feab.models.cards import read_card, slug
from feab.models.networks.model import NETWORKS
from feab.records import Completion

GOOD = {
    "name": "mine",
    "adapter": "mock/./answers.yaml",
    "access": "open",
    "licence": "MIT",
    "intended_use": "tests",
}


def write(folder, file="mine.yaml", drop=(), **changes):
    fields = {key: value for key, value in {**GOOD, **changes}.items() if key not in drop}
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(fields))
    return path


def script(folder, text="happiness"):
    (folder / "answers.yaml").write_text(f"answers: [{{text: {text}}}]\n")


def test_every_shipped_card_is_valid_and_every_baseline_loads(question):
    cards = list_models()
    assert {card.name for card in cards} >= {"baseline/uniform", "baseline/majority", "baseline/always-active"}
    assert [card.name for card in cards] == sorted(card.name for card in cards)
    for card in cards:
        assert card.adapter.split("/")[0] in providers()
        if card.adapter.startswith("baseline/") and card.adapter.split("/")[1] not in NETWORKS:
            model = load_model(card.name)
            assert model.name == card.name
            assert all(isinstance(one, Completion) and one.error is None for one in model.generate([question]))


def test_a_card_by_name_by_file_name_and_by_path(tmp_path):
    script(tmp_path)
    path = write(tmp_path)
    for given in ("mine",):
        assert load_model(given, include=[tmp_path]).name == "mine"
    assert load_model(str(path)).name == "mine"
    assert load_model("baseline-uniform").name == "baseline/uniform"
    folder = tmp_path / "models" / "other"
    folder.mkdir(parents=True)
    script(folder)
    write(tmp_path, "models/other/card.yaml", name="other")
    assert load_model("other", include=[tmp_path]).name == "other"
    assert load_model(str(folder)).name == "other"


def test_other_files_beside_the_cards_are_no_cards(tmp_path):
    script(tmp_path)
    (tmp_path / "task.yaml").write_text("task: x\nprocess: !function a.b\n")
    write(tmp_path)
    assert "mine" in {card.name for card in list_models([tmp_path])}


def test_what_is_no_file_is_no_card(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "made").mkdir()
    os.mkfifo(tmp_path / "made" / "card.yaml")
    script(tmp_path)
    write(tmp_path)
    assert "mine" in {card.name for card in list_models([tmp_path])}


def test_a_users_card_wins_over_a_shipped_one(tmp_path):
    script(tmp_path)
    write(tmp_path, "feab-tiny.yaml", name="feab-tiny")
    assert load_model("feab-tiny", include=[tmp_path]).info.adapter == "mock"
    mine = next(card for card in list_models([tmp_path]) if card.name == "feab-tiny")
    assert mine.adapter.startswith("mock/")


def test_arguments_on_the_command_line_win_over_the_cards(tmp_path):
    script(tmp_path)
    write(tmp_path, args={"seed": 4, "delay_s": 0.0})
    assert load_model("mine", include=[tmp_path]).info.args_that_change_answers == {"seed": 4}
    assert load_model("mine", include=[tmp_path], seed="5").info.args_that_change_answers == {"seed": 5}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"access": "ajar"}, "access"),
        ({"drop": ["licence"]}, "licence"),
        ({"drop": ["intended_use"]}, "intended_use"),
        ({"colour": "red"}, "colour"),
        ({"parameters": -3}, "parameters"),
        ({"parameters": "many"}, "parameters"),
        ({"price": {"input": 1}}, "price.output"),
        ({"price": {"input": 1, "output": -1}}, "price.output"),
        ({"release_date": "last year"}, "release_date"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"adapter": "mock"}, "adapter"),
        ({"trained_on": "synth"}, "trained_on"),
        ({"name": "an <b>other"}, "name"),
        ({"name": "another"}, "name"),
        ({"path": "/etc/passwd"}, "path"),
        ({"sources": {"licence": "a book"}}, "sources.licence"),
        ({"sources": {"licence": "javascript:alert(1)"}}, "sources.licence"),
        ({"sources": {"colour": "https://example.org"}}, "sources"),
        ({"sources": {"intended_use": "https://example.org"}}, "sources"),
        ({"sources": {"release_date": "https://example.org"}}, "sources"),
        ({"price": {"input": 1, "output": 2, "as_of": "lately"}}, "price.as_of"),
    ],
)
def test_what_is_wrong_with_a_card_is_named(tmp_path, changes, field):
    path = write(tmp_path, **changes)
    for call in (
        lambda: read_card(path),
        lambda: list_models([tmp_path]),
        lambda: load_model("mine", include=[tmp_path]),
    ):
        with pytest.raises(FeabError) as caught:
            call()
        assert str(path) in str(caught.value)
        assert f"{field}:" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "name: [unclosed",
        "- a list",
        "name: a\nname: b",
        "a: &x [1]\nb: *x",
        "a: !!python/object/apply:os.system ['true']",
        "\x00",
        "x: " + "[" * 5000,
        "# " + "x" * 70_000,
    ],
)
def test_hostile_yaml_is_an_error_that_names_the_file(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(FeabError, match=r"mine\.yaml"):
        read_card(path)


def test_values_are_read(tmp_path):
    card = read_card(
        write(
            tmp_path, parameters="7.6B", release_date="2025-01-26", price={"input": 2.5, "output": 10}, revision="abc"
        )
    )
    assert card.parameters == 7_600_000_000
    assert card.release_date.year == 2025
    assert card.price.output == 10.0
    assert "path" not in card.model_dump()
    assert ModelCard.model_validate(card.model_dump()) == card.model_copy(update={"path": None})


def test_a_card_cannot_point_out_of_its_folder(tmp_path):
    script(tmp_path)
    inner = tmp_path / "inner"
    write(inner, adapter="mock/./../answers.yaml")
    with pytest.raises(FeabError, match="leaves the card's folder"):
        load_model("mine", include=[inner])


def test_unknown_names_list_close_and_known_ones(tmp_path):
    with pytest.raises(FeabError, match=r"did you mean feab-tiny\?"):
        load_model("feab-tinny")
    with pytest.raises(FeabError, match=r"unknown provider 'openia'.*baseline/…, hf/…, lm-eval/…, mock/…"):
        load_model("openia/gpt-4o")
    with pytest.raises(FeabError, match="write hf/"):
        load_model(str(tmp_path))
    for odd in ("", "..", "hf/", "hf", "../models", "a\x00b"):
        with pytest.raises(FeabError):
            load_model(odd)


FACTS = ("args", "revision", "parameters", "price", "release_date", "trained_on", "may_have_seen")
"""Fields of a card that a stranger's model has by its maker's word. The licence counts where the weights can be had."""


def test_every_fact_about_other_peoples_models_has_a_source():
    others = [card for card in list_models() if not card.adapter.startswith("baseline/") and card.name != "feab-tiny"]
    assert len(others) >= 15
    for card in others:
        facts = {field for field in FACTS if getattr(card, field)} | ({"licence"} if card.access == "open" else set())
        assert facts <= set(card.sources), f"{card.name}: {facts - set(card.sources)} without a source"
        assert card.url, card.name
        assert card.price is None or card.price.as_of, card.name
        if card.access == "closed":
            assert card.adapter.startswith("openai/"), card.name
        else:
            assert len(card.revision or "") == 40, card.name
            assert card.sources["revision"] == f"{card.url}/tree/{card.revision}"
            assert card.adapter == f"hf/{card.url.removeprefix('https://huggingface.co/')}"


def test_a_card_names_what_it_takes_to_load_it(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FeabError, match=r"Qwen/Qwen2\.5-VL-7B-Instruct"):
        load_model("qwen2.5-vl-7b")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(FeabError, match=r"pip install 'feab\[hf\]'"):
        load_model("qwen2.5-vl-7b")


def test_a_card_of_an_unknown_provider_is_listed_and_says_so_when_loaded(tmp_path):
    write(tmp_path, adapter="carrier-pigeon/home")
    assert "mine" in {card.name for card in list_models([tmp_path])}
    with pytest.raises(FeabError, match=r"mine\.yaml: adapter: unknown provider 'carrier-pigeon'"):
        load_model("mine", include=[tmp_path])


def test_slugs_are_the_run_folders_rule():
    assert slug("hf/Qwen/Qwen2.5-VL-7B") == "hf-Qwen-Qwen2.5-VL-7B"


def test_the_shipped_folder_holds_cards_only_where_they_are_found():
    found = {card.path for card in list_models()}
    assert found == {*shipped("models").glob("*.yaml"), *shipped("models").glob("*/card.yaml")}
