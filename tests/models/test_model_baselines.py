"""Players without eyes, answering in words the parser reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tiny_vlm import ask, by_key

from feab.answers import parse
from feab.content import shipped
from feab.errors import FeabError
from feab.models import load_model
from feab.models.cards import read_card
from feab.models.constants import CARDS, args_line, constants_from_labels, write_cards
from feab.records import Outcome
from feab.vocabulary import EXPRESSIONS, FEAB_17


def questions(kind, n, **changes):
    task, choices = {
        "expression": ("t_expression", EXPRESSIONS),
        "valence_arousal": ("t_va", ()),
        "action_units": ("t_au", tuple(map(str, FEAB_17))),
    }[kind]
    return [replace(ask(i, task=task, data=b""), **{"choices": choices, **changes}) for i in range(n)]


def values(name, kind, n=1, **args):
    found = []
    for completion in load_model(name, **args).generate(questions(kind, n)):
        answer = parse(completion.texts[0], kind)
        assert answer.outcome is Outcome.OK, completion.texts
        found.append(answer.value)
    return found


def test_uniform_is_uniform_over_what_is_asked():
    labels = values("baseline/uniform", "expression", 1600)
    assert all(140 < labels.count(label) < 260 for label in EXPRESSIONS)
    axes = np.array(values("baseline/uniform", "valence_arousal", 1000))
    assert np.abs(axes.mean(0)).max() < 0.08
    assert np.abs(axes.std(0) - 1 / np.sqrt(3)).max() < 0.05
    assert np.abs(axes).max() <= 1
    units = values("baseline/uniform", "action_units", 1000)
    assert all(400 < sum(unit in one for one in units) < 600 for unit in FEAB_17)


def test_uniform_is_seeded_per_sample_and_blind_to_order_and_wording():
    model = load_model("baseline/uniform")
    asked = questions("expression", 60)
    first = {key: c.texts for key, c in by_key(model.generate(asked)).items()}
    assert first == {key: c.texts for key, c in by_key(model.generate(reversed(asked))).items()}
    shuffled = [replace(one, choices=tuple(reversed(one.choices))) for one in asked]
    assert first == {key: c.texts for key, c in by_key(model.generate(shuffled)).items()}
    other = {key: c.texts for key, c in by_key(load_model("baseline/uniform", seed=1).generate(asked)).items()}
    assert first != other
    drawn = next(model.generate([replace(asked[0], n=30)])).texts
    assert len(set(drawn)) > 3
    assert next(model.generate([replace(asked[0], n=4, first_draw=7)])).texts == drawn[7:11]


def test_majority_gives_its_cards_constants():
    args = {"expressions": "anger,fear", "valence": -0.25, "arousal": "0.5", "action_units": "25,4"}
    assert values("baseline/majority", "expression", **args) == ["anger"]
    assert values("baseline/majority", "valence_arousal", **args) == [(-0.25, 0.5)]
    assert values("baseline/majority", "action_units", **args) == [frozenset({4, 25})]
    assert values("baseline/majority", "action_units", action_units="") == [frozenset()]


def test_majority_answers_only_what_the_task_offers():
    model = load_model("baseline/majority", expressions=["neutral", "fear", "anger"], action_units=[4, 26])
    ask_few = questions("expression", 1, choices=("anger", "fear"))
    assert next(model.generate(ask_few)).texts == ("fear",)
    assert next(model.generate(questions("expression", 1, choices=("contempt",)))).texts == ("contempt",)
    assert next(model.generate(questions("action_units", 1, choices=("1", "4")))).texts == ("AU4",)


def test_always_active_names_every_unit_and_else_is_majority():
    assert values("baseline/always-active", "action_units") == [frozenset(FEAB_17)]
    args = {"expressions": "anger,fear", "valence": -0.25, "arousal": "0.5"}
    for kind in ("expression", "valence_arousal"):
        assert values("baseline/always-active", kind, **args) == values("baseline/majority", kind, **args)


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({"valence": 2}, "valence"),
        ({"expressions": ["glee"]}, "expressions"),
        ({"expressions": 3}, "expressions"),
        ({"action_units": [99]}, "action_units"),
        ({"action_units": ["smile"]}, "action_units"),
    ],
)
def test_constants_are_validated(args, field):
    with pytest.raises(FeabError, match=field):
        load_model("baseline/majority", **args)


def test_unknown_baseline():
    with pytest.raises(FeabError, match="baseline/uniform, baseline/majority, baseline/always-active"):
        load_model("baseline/oracle")


def test_constants_from_labels():
    labels = pd.DataFrame(
        {
            "expression": ["fear", "fear", "anger", None, "anger", "fear"],
            "valence": [0.5, -0.5, None, 0.3, 0.3, 0.3],
            "arousal": [0.0, 1.0, 0.5, 0.5, None, 0.5],
            "au04_presence": [1, 1, 0, None, None, None],
            "au12_presence": [1, 0, None, None, None, None],
        }
    )
    found = constants_from_labels(labels)
    assert found["expressions"][:3] == ["fear", "anger", "neutral"]
    assert sorted(found["expressions"]) == sorted(EXPRESSIONS)
    assert (found["valence"], found["arousal"]) == (0.18, 0.5)
    assert found["action_units"] == [4], "exactly half is not more than half"
    with pytest.raises(FeabError, match="valence"):
        constants_from_labels(labels.drop(columns="valence"))


def test_constants_are_written_into_cards_that_load(tmp_path):
    for name in CARDS:
        (tmp_path / name).write_text((shipped("models") / name).read_text())
    constants = {"expressions": list(reversed(EXPRESSIONS)), "valence": -0.123, "arousal": 0.2, "action_units": [6, 12]}
    write_cards(constants, tmp_path)
    for name in CARDS:
        card = read_card(tmp_path / name)
        assert card.args == constants
        model = load_model(card.name, include=[tmp_path])
        assert next(model.generate(questions("valence_arousal", 1))).texts == ("valence: -0.123, arousal: 0.200",)
    assert args_line(constants) in (tmp_path / CARDS[0]).read_text()
    (tmp_path / CARDS[0]).write_text("name: x\n")
    with pytest.raises(FeabError, match="args"):
        write_cards(constants, tmp_path)
