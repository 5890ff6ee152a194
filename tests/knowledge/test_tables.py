from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.content import shipped
from feab.errors import FeabError
from feab.knowledge import (
    Part,
    anchor_tables,
    load_action_units,
    load_anchors,
    load_forms,
    load_loadings,
    load_pairs,
    load_rates,
    load_shares,
    load_words,
    loading_tables,
    theories,
)
from feab.knowledge.forms import parse_form
from feab.knowledge.rows import Row, Source
from feab.vocabulary import ACTION_UNITS, EXPRESSIONS, FEAB_17

SOURCE = Source("a paper", 2000, "table 1", "checked")


def row(**data: object) -> Row:
    return Row("here.yaml: rows[0]", {"source": "s", **data}, {"s": SOURCE})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped tables that a test may spoil."""
    return Path(shutil.copytree(shipped("generation") / "knowledge", tmp_path / "knowledge"))


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def load_everything(folder: Path) -> None:
    load_action_units(folder)
    for theory in theories(folder):
        load_forms(theory, folder)
    load_shares("du2014", folder)
    for table in anchor_tables(folder):
        load_anchors(table, folder)
    for table in loading_tables(folder):
        load_loadings(table, folder)
    load_pairs(folder)
    load_rates(folder)


def test_the_17_scored_units_read_as_in_the_vocabulary() -> None:
    units = load_action_units()
    for number in FEAB_17:
        ours, known = units[number], ACTION_UNITS[number]
        assert (ours.name, ours.muscle, ours.appearance) == (known.name, known.muscle, known.appearance)


def test_every_row_has_a_source_that_says_how_far_to_trust_it() -> None:
    sources = [unit.source for unit in load_action_units().values()]
    sources += [form.source for name in theories() for forms in load_forms(name).values() for form in forms]
    sources += [shares.source for shares in load_shares("du2014").values()]
    sources += [word.source for word in load_words().values()]
    sources += [anchor.source for table in anchor_tables() for anchor in load_anchors(table).values()]
    sources += [loading.source for table in loading_tables() for loading in load_loadings(table).values()]
    sources += [pair.source for pair in load_pairs()] + [rate.source for rate in load_rates().values()]
    for source in sources:
        assert source.paper
        assert 1800 < source.year < 2100
        assert any(
            word in source.checked for word in ("not checked against the original", "our choice", "not looked up")
        )


@pytest.mark.parametrize("theory", ["facs_2002", "emfacs", "cordaro_core", "keltner_2019", "darwin_1872"])
def test_theories_cover_the_six_basic_expressions(theory: str) -> None:
    assert {"happiness", "sadness", "surprise", "fear", "anger", "disgust"} <= set(load_forms(theory))


def test_every_expression_has_a_form_somewhere() -> None:
    assert {name for theory in theories() for name in load_forms(theory)} == set(EXPRESSIONS)


def test_facs_surprise_is_as_printed() -> None:
    first = load_forms("facs_2002")["surprise"][0]
    assert first.kind == "prototype"
    assert next(first.expand()) == (Part(1), Part(2), Part(5, 2, 2), Part(26))


def test_dropping_writes_out_the_anger_variants_once() -> None:
    anger = load_forms("facs_2002")["anger"]
    keys = [(form.required, form.optional) for form in anger]
    assert len(set(keys)) == len(keys)
    assert sum(form.kind == "prototype" for form in anger) == 7
    # 4+5+7+10+23+25/26 without 10 is itself a prototype and must not return as a variant.
    without_10 = [f for f in anger if f.aus == {4, 5, 7, 23, 25, 26}]
    assert [f.kind for f in without_10] == ["prototype"]
    assert any(form.aus == {5, 7, 24} and form.kind == "variant" for form in anger)


def test_contempt_is_one_sided_in_emfacs() -> None:
    (form,) = load_forms("emfacs")["contempt"]
    assert set(next(form.expand())) == {Part(12, 1, 1, "one"), Part(14, 1, 1, "one")}


def test_du_shares_are_within_bounds_and_tell_above_70_apart() -> None:
    shares = load_shares("du2014")
    assert len(shares) == 21
    assert shares["happiness"].above_70 == {12, 25}
    assert shares["happiness"].shares == {6: 0.51}
    assert all(0 < p <= 0.70 for row in shares.values() for p in row.shares.values())


def test_anchors_are_the_means_of_their_words() -> None:
    anchors = load_anchors()
    assert tuple(anchors) == EXPRESSIONS
    assert (round(anchors["surprise"].valence, 2), round(anchors["surprise"].arousal, 2)) == (0.16, 0.73)
    assert (anchors["fear"].valence, anchors["fear"].arousal) == (-0.64, 0.60)
    assert (anchors["neutral"].valence, anchors["neutral"].valence_sd) == (0.0, 0.15)


def test_neighbours_put_every_posed_expression_elsewhere() -> None:
    words, neighbours = load_anchors("words"), load_anchors("neighbours")
    moved = {
        name
        for name in EXPRESSIONS
        if (words[name].valence, words[name].arousal) != (neighbours[name].valence, neighbours[name].arousal)
    }
    assert moved == set(EXPRESSIONS) - {"neutral"}
    assert {name: words[name].valence_sd for name in words} == {name: neighbours[name].valence_sd for name in words}


def test_pairs_keep_the_signs_found_in_data_and_the_rules() -> None:
    weights = {pair.aus: pair.weight for pair in load_pairs()}
    together = {(1, 2), (4, 7), (4, 9), (7, 9), (6, 12), (9, 17), (15, 17), (15, 24), (17, 24), (23, 24), (25, 26)}
    apart = {(2, 6), (2, 7), (12, 15), (12, 17), (24, 25), (23, 25), (9, 10)}
    assert {aus for aus, weight in weights.items() if weight > 0} == together
    assert {aus for aus, weight in weights.items() if weight < 0} == apart
    assert (weights[24, 25], weights[23, 25], weights[9, 10], weights[12, 15]) == (-2.0, -1.5, -0.4, -1.2)


def test_every_scored_unit_has_a_rate() -> None:
    rates = load_rates()
    assert set(rates) == set(FEAB_17)
    assert rates[12].rate == pytest.approx((0.562 + 0.132) / 2, abs=0.005)
    assert rates[10].rate == pytest.approx(0.64 * 0.594, abs=0.005)


def test_the_loadings_are_half_the_rule_that_labels_rendered_faces() -> None:
    from feab.faces.va_rule import VA_WEIGHTS

    loadings = load_loadings("rule")
    halved = {au: (pytest.approx(v / 2), pytest.approx(a / 2)) for au, (v, a) in VA_WEIGHTS.items()}
    assert {au: (one.valence, one.arousal) for au, one in loadings.items()} == halved


def test_a_second_table_of_loadings_agrees_with_the_first_in_sign_alone() -> None:
    rule, other = load_loadings("rule"), load_loadings("affdex")
    assert {abs(one.valence) for one in other.values()} | {abs(one.arousal) for one in other.values()} == {0.0, 0.2}
    assert all(rule[au].valence * one.valence >= 0 for au, one in other.items())
    assert set(other) < set(rule)


def test_expand_chooses_one_alternative_and_whole_groups() -> None:
    (form,) = parse_form(
        row(expression="sadness", kind="variant", aus="1+25/26", optional=["54+64"]), load_action_units(), EXPRESSIONS
    )
    assert [tuple(part.au for part in parts) for parts in form.expand()] == [
        (1, 25),
        (1, 26),
        (1, 25, 54, 64),
        (1, 26, 54, 64),
    ]


SPOILS = [
    ("action_units.yaml", "number: 1,", "number: true,", "number"),
    ("action_units.yaml", "number: 2,", "number: 1,", "twice"),
    ("action_units.yaml", "source: names, name: inner", "source: nowhere, name: inner", "nowhere"),
    ("action_units.yaml", "name: inner brow raiser", "nam: inner brow raiser", "nam"),
    ("expressions_aus.yaml", "aus: 1+2+5B+26,", "aus: 1+3+5B+26,", "AU 3"),
    ("expressions_aus.yaml", "aus: 1+2+5B+26,", "aus: 1+2+5F+26,", "5F"),
    ("expressions_aus.yaml", "aus: 1+2+5B+26,", "aus: 1+2+2+26,", "twice"),
    ("expressions_aus.yaml", "aus: 12C-D", "aus: 12D-C", "backwards"),
    ("expressions_aus.yaml", "expression: surprise", "expression: shock", "shock"),
    ("expressions_aus.yaml", "dropping: [4, 5, 7, 10]", "dropping: [4, 5, 7, 12]", "dropping"),
    ("expressions_aus.yaml", "shares: {6: 0.51}", "shares: {6: 51}", "share of 6"),
    ("expressions_aus.yaml", "above_70: [12, 25]", "above_70: [12, 6]", "both"),
    ("valence_arousal.yaml", "valence: 0.81", "valence: 1.81", "valence"),
    ("valence_arousal.yaml", "sd_of: happy", "sd_of: joyful", "sd_of"),
    ("valence_arousal.yaml", "terms: [sad]", "terms: [gloomy]", "gloomy"),
    ("valence_arousal.yaml", "schema: 1", "schema: 2", "schema 2"),
    ("valence_arousal.yaml", "terms: [joyful, elated]", "terms: []", "at least one"),
    ("valence_arousal.yaml", "valence_sd: 0.15", "valence_sd: 0", "valence_sd"),
    ("valence_arousal.yaml", "{expression: contempt, terms", "{expression: anger, terms", "twice"),
    ("au_pairs.yaml", "weight: 1.2", "weight: strong", "weight"),
    ("au_pairs.yaml", "aus: [1, 2]", "aus: [1, 3]", "AU 3"),
    ("au_pairs.yaml", "aus: [4, 7]", "aus: [1, 2]", "twice"),
    ("au_rates.yaml", "rate: 0.13", "rate: 13", "rate"),
    ("au_rates.yaml", "au: 2,", "au: 1,", "twice"),
    ("au_valence_arousal.yaml", "valence: -0.26", "valence: -0.261", "three decimals"),
    ("au_valence_arousal.yaml", "scale: 0.5", "scale: 5", "scale"),
    ("au_valence_arousal.yaml", "scale: 0.5", "size: 0.5", "size"),
    ("au_valence_arousal.yaml", "- {au: 2, valence: 0.25", "- {au: 1, valence: 0.25", "twice"),
    ("au_pairs.yaml", "aus: [1, 2]", "aus: [2, 1]", "rising"),
    ("au_pairs.yaml", "schema: 1", "schema: !!python/name:os.system", "YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "told"), SPOILS, ids=[f"{s[0]}-{s[3]}" for s in SPOILS])
def test_a_wrong_row_is_named(folder: Path, file: str, old: str, new: str, told: str) -> None:
    spoil(folder, file, old, new)
    with pytest.raises(FeabError) as caught:
        load_everything(folder)
    assert told in str(caught.value)
    assert file in str(caught.value)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(FeabError, match="facs_2002"):
        load_forms("freud")
    with pytest.raises(FeabError, match="du2014"):
        load_shares("du2015")
    with pytest.raises(FeabError, match="neighbours"):
        load_anchors("anew")
    with pytest.raises(FeabError, match="affdex"):
        load_loadings("mine")


@given(st.text(alphabet="U0123456789ABCDEF+-/ x", max_size=12))
def test_any_text_is_a_form_or_a_named_error(text: str) -> None:
    try:
        forms = parse_form(row(expression="fear", kind="variant", aus=text), load_action_units(), EXPRESSIONS)
    except FeabError:
        return
    assert forms[0].aus <= set(load_action_units())
    assert all(1 <= part.low <= part.high <= 5 for term in forms[0].required for part in term)
