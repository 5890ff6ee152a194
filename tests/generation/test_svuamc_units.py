"""The whole procedure where AUs, valence and arousal are missing, on six AUs so that it takes a moment."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from feab.generation.annotator import Annotator, Truths, simulate
from feab.generation.arms import plurality
from feab.generation.deciding import Settings, annotate_faces, next_step
from feab.generation.drawn import Answers
from feab.generation.error_model import ErrorModel, fit_error_model
from feab.generation.posterior import truth
from feab.generation.profiles import middling_confusion
from feab.generation.record import FaceDraws, Level, Verdict
from feab.knowledge import Given, JointModel, Knowledge, fit_joint, load_knowledge
from feab.metrics import action_unit_calibration_sums, action_unit_reliability
from feab.vocabulary import EXPRESSIONS, FEAB_17

AUS = (1, 4, 6, 12, 15, 25)
COLUMNS = [FEAB_17.index(au) for au in AUS]
MISSING: tuple[Level, ...] = ("valence_arousal", "action_units")
S = Settings()


@cache
def numbers() -> Knowledge:
    whole = load_knowledge()
    return replace(
        whole,
        aus=AUS,
        displays=whole.displays[:, COLUMNS],
        pairs=whole.pairs[np.ix_(COLUMNS, COLUMNS)],
        rates=whole.rates[COLUMNS],
        loadings=whole.loadings[COLUMNS],
    )


@cache
def knowledge() -> JointModel:
    return fit_joint(numbers())


ANNOTATOR = Annotator(
    middling_confusion(),
    np.array([0.65, 0.7, 0.6, 0.85, 0.5, 0.8]),
    np.array([0.15, 0.15, 0.1, 0.1, 0.1, 0.2]),
    AUS,
    confirms_right=0.95,
    confirms_wrong=0.2,
)


@cache
def world(n: int, seed: int) -> tuple[list[Given], Answers]:
    rng = np.random.default_rng(seed)
    expression = rng.integers(0, 8, n)
    cumulated = knowledge().states.cumsum(axis=0)
    states = np.array([np.searchsorted(cumulated[:, e], rng.random() * cumulated[-1, e]) for e in expression])
    units = (states[:, None] >> np.arange(6)[::-1]) & 1
    affect = np.clip(numbers().anchors[expression] + 0.2 * rng.standard_normal((n, 2)), -1, 1)
    truths = [
        Given(EXPRESSIONS[e], dict(zip(AUS, map(bool, row), strict=True)), float(v), float(a))
        for e, row, (v, a) in zip(expression, units, affect, strict=True)
    ]
    return truths, simulate(ANNOTATOR, Truths.of(truths, AUS), contexts=6, draws=2, seed=seed + 100)


def run(
    truths: list[Given], answers: Answers, model: ErrorModel, settings: Settings
) -> tuple[list[FaceDraws], np.ndarray]:
    """Until every face is decided."""
    n, rng = len(truths), np.random.default_rng(9)
    names = [str(row) for row in range(n)]
    contexts, verdicts = np.full(n, 2), [()] * n
    given = [Given(one.expression) for one in truths]
    for _ in range(40):
        said = [
            FaceDraws(face.sample, tuple(replace(draw, expression=None) for draw in face.draws), heard)
            for face, heard in zip(answers.in_contexts(contexts).faces(names), verdicts, strict=True)
        ]
        steps = next_step(said, given, [MISSING] * n, model, knowledge(), settings)
        for row, (step, candidate) in enumerate(steps):
            if step == "ask":
                contexts[row] += 1
            elif candidate is not None:
                about, value, _ = candidate
                if about.isdigit():
                    right = np.array([(value == "present") == truths[row].action_units[int(about)]])
                    ruling = "confirm" if ANNOTATOR.confirms(right, rng)[0] else "refute"
                else:
                    above = np.array([getattr(truths[row], about) - float(value)])
                    ruling = ("confirm", "too low", "too high")[ANNOTATOR.rules(above, rng)[0]]
                verdicts[row] = (*verdicts[row], Verdict(about, value, ruling))
        if all(step == "stop" for step, _ in steps):
            return said, contexts
    raise AssertionError("a face is never decided")


def hidden(truths: list[Given]) -> list[Given]:
    return [replace(one, expression=None) for one in truths]


@cache
def fitted() -> ErrorModel:
    truths, answers = world(400, 0)
    given = [Given(one.expression) for one in truths]
    model = fit_error_model([FaceDraws(str(k)) for k in range(400)], hidden(truths), knowledge(), given)
    settings = replace(S, most_contexts=6)
    said, _ = run(truths, answers, model, settings)
    provisional = fit_error_model(said, hidden(truths), knowledge(), given)
    said, _ = run(truths, answers, provisional, replace(settings, verify="always"))
    return fit_error_model(said, hidden(truths), knowledge(), given)


@cache
def done(verify: str = "useful"):
    truths, answers = world(700, 1)
    settings = replace(S, most_contexts=6, verify=verify)
    said, contexts = run(truths, answers, fitted(), settings)
    return truths, said, contexts, settings


def units(truths: list[Given]) -> np.ndarray:
    return np.array([[float(one.action_units[au]) for au in AUS] for one in truths])


def judged(said: list[FaceDraws], truths: list[Given]):
    return truth(said, [Given(one.expression) for one in truths], fitted(), knowledge())


def test_fewer_wrong_units_than_by_majority_of_twelve_draws() -> None:
    truths, said, contexts, _ = done()
    wrong = ((judged(said, truths).action_units > 0.5) != units(truths)).mean()
    majority = (plurality(world(700, 1)[1].tally(), "action_units").value != units(truths)).mean()
    assert contexts.mean() < 6
    assert wrong < majority - 0.02


def test_chances_of_units_are_as_honest_as_a_perfectly_calibrated_simulators() -> None:
    truths, said, _, _ = done()
    chances = judged(said, truths).action_units
    sums = action_unit_calibration_sums(units(truths), chances, AUS)
    floor = action_unit_reliability(units(truths), chances, AUS)["floor"]["ece"]
    assert sums.values()[0, sums.column("ece")] < floor + 0.02


def test_a_good_verifier_is_found_out_and_helps() -> None:
    rates = fitted().verifier.confirmed["present"][0].rates
    assert rates[0] > 0.75
    assert rates[1] < 0.45
    truths, said, _, _ = done()
    without = done("never")[1]
    assert any(face.verdicts for face in said)
    assert not any(face.verdicts for face in without)
    helped, alone = (((judged(faces, truths).action_units > 0.5) != units(truths)).mean() for faces in (said, without))
    assert helped < alone


def test_accepted_units_are_wrong_as_seldom_as_promised_and_doubt_orders_them() -> None:
    truths, said, _, settings = done()
    annotated = annotate_faces(
        said, [Given(one.expression) for one in truths], [{}] * 700, [MISSING] * 700, fitted(), knowledge(), settings
    )
    level = [one.levels["action_units"] for one in annotated]
    wrong = np.array(
        [
            len({au for au, on in one.action_units.items() if on} ^ found.value) / 6
            for one, found in zip(truths, level, strict=True)
        ]
    )
    taken = np.array([found.source == "generated" for found in level])
    assert taken.any()
    assert not taken.all()
    assert wrong[taken].mean() < 0.05 + 3 * wrong[taken].std() / np.sqrt(taken.sum())
    order = np.argsort([-found.confidence for found in level])
    thirds = [wrong[part].mean() for part in np.array_split(order, 3)]
    assert thirds == sorted(thirds)
    assert all(set(found.details) == set(map(str, AUS)) for found in level)


def test_without_knowledge_its_weight_is_zero() -> None:
    truths, said, _, _ = done("never")
    given = [Given(one.expression) for one in truths]
    model = fit_error_model(said, hidden(truths), knowledge(), given, replace(S, most_knowledge=0))
    assert set(model.lam.values()) == {0}
    assert list(model.losses["action_units"]) == ["0"]
    assert model.aus == AUS
    assert fitted().lam["action_units"] > 0.3
    with_it, without = (
        ((truth(said, given, one, knowledge()).action_units > 0.5) != units(truths)).mean() for one in (fitted(), model)
    )
    assert with_it < without


def test_every_face_is_decided_within_its_limits() -> None:
    _, said, contexts, settings = done()
    assert contexts.max() <= settings.most_contexts
    for face in said:
        about = [verdict.about for verdict in face.verdicts]
        assert len(set(about)) == len(about)
        assert sum(one.isdigit() for one in about) <= settings.most_unit_checks


def test_progress_ends_at_one() -> None:
    told: list[float] = []
    truths, said, _, _ = done()
    given = [Given(one.expression) for one in truths]
    fit_error_model(said[:100], hidden(truths)[:100], knowledge(), given[:100], progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
