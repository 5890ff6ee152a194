"""Verdicts as likelihood ratios: a sycophant changes nothing, what cannot be read is no evidence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from feab.generation.error_model import fit_error_model
from feab.generation.fitted import Confirmed, ErrorModel, VerifierErrors
from feab.generation.record import Draw, FaceDraws, Verdict
from feab.generation.tally import tally
from feab.generation.verifying import fit_verifier, gauge_likelihood, verdicts_evidence
from feab.knowledge import GRID, fit_joint, load_knowledge
from feab.vocabulary import EXPRESSIONS, FEAB_17

FEAR, ANGER = EXPRESSIONS.index("fear"), EXPRESSIONS.index("anger")
UNSEEN = (np.array([-1]), np.full((1, 17), np.nan), np.full((1, 2), np.nan))


@cache
def guessed() -> ErrorModel:
    return fit_error_model([], [], fit_joint(load_knowledge()), [])


def model(**verifier: object) -> ErrorModel:
    return guessed().model_copy(update={"verifier": guessed().verifier.model_copy(update=verifier)})


def rates(right: tuple[int, int], wrong: tuple[int, int]) -> Confirmed:
    return Confirmed(right_confirmed=right[0], right_refuted=right[1], wrong_confirmed=wrong[0], wrong_refuted=wrong[1])


def asked(few: Confirmed, many: Confirmed) -> dict[str, object]:
    return {**guessed().verifier.confirmed, "expression": (few, many), "present": (few, many)}


def weigh(one: FaceDraws, errors: ErrorModel):
    return verdicts_evidence([one], tally([one]), errors)


def said(*names: str, verdicts: tuple[Verdict, ...]) -> FaceDraws:
    return FaceDraws("x", tuple(Draw(k, k, name) for k, name in enumerate(names)), verdicts)


def test_posterior_means_of_the_rates() -> None:
    assert rates((7, 1), (2, 2)).rates == (0.8, 0.5)
    assert Confirmed().rates == (0.5, 0.5)


def test_the_bin_of_agreement_decides_which_rates_hold() -> None:
    errors = model(confirmed=asked(rates((8, 0), (0, 8)), rates((0, 0), (0, 0))))
    verdict = (Verdict("expression", "fear", "confirm"),)
    torn = weigh(said("fear", "anger", verdicts=verdict), errors)
    assert torn.expression[0, FEAR] == pytest.approx(np.log(9))
    assert (np.delete(torn.expression[0], FEAR) == 0).all()
    united = weigh(said("fear", "fear", "fear", "anger", verdicts=verdict), errors)
    assert (united.expression == 0).all()


def test_refuting_lowers_the_candidate() -> None:
    errors = model(confirmed=asked(rates((8, 0), (0, 8)), rates((0, 0), (0, 0))))
    found = weigh(said("fear", "anger", verdicts=(Verdict("expression", "fear", "refute"),)), errors)
    assert found.expression[0, FEAR] == pytest.approx(-np.log(9))


def test_a_sycophant_and_the_unreadable_change_nothing() -> None:
    errors = model(confirmed=asked(rates((40, 0), (40, 0)), rates((40, 0), (40, 0))))
    verdicts = (
        Verdict("expression", "fear", "confirm"),
        Verdict("4", "present", "confirm"),
        Verdict("valence", "0.30", "confirm"),
        Verdict("12", "present", None),
        Verdict("arousal", "nan", "too low"),
        Verdict("99", "present", "confirm"),
        Verdict("expression", "boredom", "confirm"),
    )
    found = weigh(said("fear", verdicts=verdicts), errors)
    assert np.abs(found.expression).max() < 1e-9
    assert np.abs(found.action_units).max() < 1e-9
    assert np.ptp(found.valence) < 1e-9
    assert np.ptp(found.arousal) < 1e-9


def test_a_second_verdict_on_the_same_thing_is_none() -> None:
    errors = model(confirmed=asked(rates((8, 0), (0, 8)), rates((0, 0), (0, 0))))
    once, twice = Verdict("expression", "fear", "confirm"), Verdict("expression", "anger", "confirm")
    found = weigh(said("fear", "anger", verdicts=(once, twice)), errors)
    assert found.expression[0, ANGER] == 0


def test_absence_is_confirmed_by_its_own_rates() -> None:
    absent = rates((8, 0), (0, 8))
    errors = model(confirmed={**guessed().verifier.confirmed, "absent": (absent, absent)})
    column = FEAB_17.index(4)
    assert weigh(said(verdicts=(Verdict("4", "absent", "confirm"),)), errors).action_units[0, column] < -2
    assert weigh(said(verdicts=(Verdict("4", "absent", "refute"),)), errors).action_units[0, column] > 2
    assert weigh(said(verdicts=(Verdict("4", "present", "confirm"),)), errors).action_units[0, column] == 0


@pytest.mark.parametrize("heed", [0.0, 0.5, 0.98])
def test_rulings_on_values_are_probabilities(heed: float) -> None:
    verifier = model(heed={"valence": heed, "arousal": 0.0}, habits={"valence": (0.6, 0.1, 0.3)} | HABITS).verifier
    likelihood = gauge_likelihood(verifier, 0, -0.2)
    assert likelihood.sum(axis=0) == pytest.approx(1)
    assert (likelihood > 0).all()
    low, high = GRID < -0.6, GRID > 0.2
    if heed:
        assert likelihood[1][high].min() > likelihood[1][low].max()  # "too low" where the truth is above
        assert likelihood[2][low].min() > likelihood[2][high].max()
    else:
        assert np.ptp(likelihood, axis=1) == pytest.approx(0)


HABITS = {"arousal": (0.4, 0.3, 0.3)}


def rulings(heed: float, n: int, seed: int) -> VerifierErrors:
    rng = np.random.default_rng(seed)
    above = rng.uniform(-0.6, 0.6, n)
    looks = (above[:, None] + 0.15 * rng.standard_normal((n, 2))) > 0
    heeded = rng.random(n) < heed
    words = np.where(heeded, np.where(looks.all(1), 1, np.where(~looks.any(1), 2, 0)), 0)
    faces = [
        FaceDraws(str(i), (), (Verdict("valence", "0.00", ("confirm", "too low", "too high")[word]),))
        for i, word in enumerate(words)
    ]
    affect = np.stack((above, np.zeros(n)), axis=1)
    return fit_verifier(faces, tally(faces), np.full(n, -1), np.full((n, 17), np.nan), affect)


def test_how_far_the_truth_is_heeded_comes_back() -> None:
    assert rulings(0.6, 1500, 0).heed["valence"] == pytest.approx(0.6, abs=0.12)
    assert rulings(0.0, 400, 1).heed["valence"] == 0
    assert rulings(0.6, 1500, 0).heed["arousal"] == 0  # never asked


def test_rates_are_counted_from_labelled_faces_only() -> None:
    faces = [
        said("fear", "fear", verdicts=(Verdict("expression", "fear", "confirm"), Verdict("4", "present", "refute"))),
        said("fear", "anger", verdicts=(Verdict("expression", "fear", "confirm"),)),
        said("fear", "anger", verdicts=(Verdict("expression", "fear", "refute"),)),
    ]
    units = np.full((3, 17), np.nan)
    units[0, FEAB_17.index(4)] = 0
    found = fit_verifier(faces, tally(faces), np.array([FEAR, ANGER, -1]), units, np.full((3, 2), np.nan))
    few, many = found.confirmed["expression"]
    assert many == rates((1, 0), (0, 0))
    assert few == rates((0, 0), (1, 0))
    assert found.confirmed["present"][0] == rates((0, 0), (0, 1))


def test_nothing_labelled_leaves_a_verifier_that_is_not_believed() -> None:
    found = fit_verifier([FaceDraws("x")], tally([FaceDraws("x")]), *UNSEEN)
    assert found.confirmed["expression"][0].rates == (0.5, 0.5)
    assert found.heed == {"valence": 0, "arousal": 0}
