import pytest

from feab.faces.forms import EXCLUSIONS, FORMS, STRENGTH_PAIRS, STRENGTH_STEP, clash, completes_other_class
from feab.vocabulary import EXPRESSIONS, FEAB_17

SOURCES = ("FACS2002", "FACS1978", "Du2014", "Keltner2019", "Cordaro2018", "Matsumoto2008", "Darwin1872", "CK+")
ALL = [(name, form) for name, forms in FORMS.items() for form in forms]


def test_every_expression_has_several_forms_but_neutral():
    assert tuple(FORMS) == EXPRESSIONS
    assert [f.letters for f in FORMS["neutral"]] == [{}]
    assert all(len(FORMS[e]) >= 5 for e in EXPRESSIONS[1:])


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_shares_sum_to_one_and_names_are_unique(name):
    forms = FORMS[name]
    assert sum(f.share for f in forms) == pytest.approx(1)
    assert len({f.name for f in forms}) == len(forms)


@pytest.mark.parametrize(("name", "form"), ALL)
def test_letters_are_b_to_e_of_known_units_with_a_source(name, form):
    assert all(au in FEAB_17 and 2 <= k <= 5 for au, k in form.letters.items())
    assert form.one_sided <= set(form.letters)
    assert set(form.ceiling) <= set(form.letters)
    assert name == "neutral" or any(s in form.source for s in (*SOURCES, "EMFACS", "our choice"))


@pytest.mark.parametrize(("name", "form"), ALL)
@pytest.mark.parametrize("strength", STRENGTH_STEP)
def test_no_form_breaks_an_exclusion_at_any_strength(name, form, strength):
    # One letter above the strength's step is the most that is drawn.
    letters = {a: min(5, form.ceiling.get(a, 5), k + STRENGTH_STEP[strength] + 1) for a, k in form.letters.items()}
    for au, k in letters.items():
        assert not clash({a: v for a, v in letters.items() if a != au}, au, k)


def test_measurement_page_exclusions_hold():
    assert clash({23: 2}, 25, 2)
    assert clash({25: 2}, 24, 2)
    assert clash({12: 4}, 15, 4)
    assert not clash({12: 3}, 15, 4)
    assert clash({9: 4}, 1, 2)
    assert clash({2: 2}, 9, 5)
    assert not clash({9: 3}, 2, 2)
    assert clash({14: 2}, 24, 2)
    assert clash({23: 2}, 24, 2)
    assert all(rule.why and rule.first != rule.second for rule in EXCLUSIONS)


def test_adding_a_unit_must_not_turn_one_class_into_another():
    assert completes_other_class("surprise", {1, 2, 5}, 4)  # 1+2+4+5 is fear
    assert completes_other_class("anger", {4, 7}, 9)  # 9 alone is disgust
    assert completes_other_class("happiness", {6, 12}, 15)  # 6+15 is sadness
    assert not completes_other_class("happiness", {6, 12}, 2)
    assert not completes_other_class("sadness", {1, 4, 15}, 25)


def test_no_unit_is_a_code_for_a_class():
    # Every unit of a form occurs in forms of another class, or its class also has forms without it.
    for name, forms in FORMS.items():
        for au in {au for f in forms for au in f.letters}:
            elsewhere = any(au in f.letters for other, fs in FORMS.items() if other != name for f in fs)
            optional = any(au not in f.letters for f in forms)
            assert elsewhere or optional or (name, au) == ("contempt", 14)


def test_strengths_are_paired_in_three_ways():
    assert len(STRENGTH_PAIRS) == 3
    assert {s for pair in STRENGTH_PAIRS for s in pair} == set(STRENGTH_STEP)
