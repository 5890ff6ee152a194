from collections import Counter

import numpy as np
import pytest

from feab.errors import FeabError
from feab.faces.actions import FacsAction
from feab.faces.forms import FORMS, STRENGTH_PAIRS, clash
from feab.faces.synth import CELLS, IMAGES_PER_IDENTITY, SPLITS, SplitSpec, identity_cell, split_identity, split_plans
from feab.faces.va_rule import valence_arousal
from feab.vocabulary import AGE_GROUPS, EXPRESSIONS, FEAB_17

TEST = SPLITS["test"]


@pytest.fixture(scope="module")
def planned():
    return [p for i in range(TEST.identities) for p in split_plans(TEST, i)]


def test_the_test_split_is_72_identities_in_18_cells_and_1728_pictures(planned):
    assert IMAGES_PER_IDENTITY == 24
    assert TEST.images == len(planned) == 1728
    assert set(Counter(identity_cell(i) for i in range(72)).values()) == {4}
    assert len(CELLS) == 18
    assert {age for age, _, _ in CELLS} <= set(AGE_GROUPS)
    assert sum(p.mini for p in planned) == 432
    assert Counter(identity_cell(i) for i in {p.identity for p in planned if p.mini}) == Counter(CELLS)


def test_ids_are_unique_sorted_and_say_nothing_of_the_class(planned):
    ids = [p.id for p in planned]
    assert ids == sorted(set(ids))
    by_position = {k: {p.plan.expression for p in planned if p.position == k} for k in range(24)}
    assert all(len(found) == 9 for found in by_position.values())


def test_each_identity_shows_each_expression_at_two_strengths_and_eight_free_faces(planned):
    for i in range(0, 72, 7):
        plans = [p.plan for p in planned if p.identity == i]
        assert sum(p.expression is None for p in plans) == 8
        for c, name in enumerate(EXPRESSIONS):
            strengths = {p.strength for p in plans if p.expression == name}
            assert sum(p.expression == name for p in plans) == 2
            wanted = {None} if name == "neutral" else set(STRENGTH_PAIRS[(c + i) % 3])
            assert strengths == wanted
            assert len({p.form for p in plans if p.expression == name}) == (1 if name == "neutral" else 2)


def test_pairs_of_strengths_rotate_evenly(planned):
    for name in EXPRESSIONS[1:]:
        assert set(Counter(p.plan.strength for p in planned if p.plan.expression == name).values()) == {48}


def test_neutral_faces_show_nothing_but_parted_lips_and_differ(planned):
    for p in planned:
        if p.plan.expression == "neutral":
            assert all(k == 1 or au == 25 for au, k in p.plan.letters.items())
    first, second = [p.plan for p in planned if p.identity == 0 and p.plan.expression == "neutral"]
    assert first.noise != second.noise


def test_plans_keep_the_exclusions_and_the_rules_for_lids(planned):
    for p in planned:
        letters = p.plan.letters
        for au, k in letters.items():
            assert not clash({a: v for a, v in letters.items() if a != au}, au, k), p
        FacsAction(dict.fromkeys(letters, (0.5, 0.5)), p.plan.noise, p.plan.sealed)  # raises on a bad mixture
        blink = p.plan.noise.get("eyeBlinkLeft", 0)
        assert blink == 0 if 5 in letters else blink <= (0.1 if 7 in letters else 0.25)
        assert not (p.plan.sealed and 25 in letters)


def test_every_form_is_used_and_has_its_units(planned):
    used = {(p.plan.expression, p.plan.form) for p in planned if p.plan.expression}
    assert used == {(name, f.name) for name, forms in FORMS.items() for f in forms}
    for p in planned:
        if p.plan.expression:
            form = next(f for f in FORMS[p.plan.expression] if f.name == p.plan.form)
            assert all(p.plan.letters[au] >= 2 for au in form.letters)
            assert all(p.plan.letters[au] <= k for au, k in form.ceiling.items())
            assert set(p.plan.one_sided) == form.one_sided


def test_contempt_is_one_sided_on_either_side(planned):
    sides = Counter(p.plan.one_sided[14] for p in planned if p.plan.form in ("U14", "U12+U14", "U14+17"))
    assert min(sides["left"], sides["right"]) > 30


def _letters(plan):
    """What the mesh is expected to show: a dropped jaw parts the lips unless they are sealed."""
    letters = dict(plan.letters)
    if 26 in letters and not plan.sealed:
        letters[25] = max(letters.get(25, 0), letters[26])
    return letters


def _ccc(x, y):
    return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def test_units_are_common_enough_and_the_class_is_no_oracle(planned):
    found = [_letters(p.plan) for p in planned]
    x = np.array([[f.get(au, 0) for au in FEAB_17] for f in found])
    y = np.array([valence_arousal(f) for f in found])
    classes = np.array([p.plan.expression or "free" for p in planned])
    presence = np.where(x == 1, np.nan, x >= 2)
    positives = np.nansum(presence, 0)
    prevalence = np.nanmean(presence, 0)
    assert positives.min() >= 60
    assert prevalence.min() >= 0.08
    assert prevalence.max() <= 0.42
    mean, common = np.zeros_like(y), np.zeros_like(presence)
    for c in set(classes):
        mean[classes == c] = y[classes == c].mean(0)
        common[classes == c] = np.nanmean(presence[classes == c], 0) >= 0.5
    ccc = np.mean([_ccc(y[:, k], mean[:, k]) for k in (0, 1)])
    f1 = []
    for j in range(17):
        known = ~np.isnan(presence[:, j])
        truth, said = presence[known, j], common[known, j]
        f1.append(2 * (truth * said).sum() / (truth.sum() + said.sum()))
    assert ccc <= 0.70
    assert np.mean(f1) <= 0.55
    assert y[classes == "free"].std(0).min() > 0.2  # free faces spread over the plane


def test_identities_are_adults_of_their_cell_and_disjoint_between_splits():
    seeds = Counter()
    for spec in SPLITS.values():
        for i in range(0, spec.identities, 5):
            who = split_identity(spec, i)
            age, gender, preset = identity_cell(i)
            assert (who.gender, who.ancestry_preset) == (gender, preset)
            low, high = {"20-39": (20, 40), "40-69": (40, 70), "70+": (70, 100)}[age]
            assert low <= who.age_years < high
            seeds[who.seed] += 1
    assert max(seeds.values()) == 1


def test_plans_depend_on_nothing_but_the_spec():
    assert split_plans(TEST, 5) == split_plans(TEST, 5)
    assert split_identity(TEST, 5) == split_identity(TEST, 5)
    assert split_plans(SplitSpec("test", TEST.seed, 6), 5) == split_plans(TEST, 5)
    other = SplitSpec("test", 99, 72)
    assert split_plans(other, 5) != split_plans(TEST, 5)


@pytest.mark.parametrize(("seed", "identities"), [(-1, 3), (2**31, 3), (0, 0), (0, 10_001)])
def test_bad_splits_are_refused(seed, identities):
    with pytest.raises(FeabError, match="split"):
        SplitSpec("x", seed, identities)


def test_an_identity_outside_the_split_is_refused():
    with pytest.raises(FeabError, match="identities 0 to 71"):
        split_identity(TEST, 72)
