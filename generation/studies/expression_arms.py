"""How right, and how rightly sure, each way of using a simulated annotator's draws is about expressions.

The table of measurement.md 4.6, made with feab's own code: an annotator whose errors are shared by all draws of a face
(c = 1.5) and more by those of a context (κ = 5), 400 labelled faces, and thousands to judge. Knowledge is simulated
there: for six faces in ten it puts .55 more on the truth, else it is noise. About half a minute a seed.

    python generation/studies/expression_arms.py --seeds 0 1
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.generation.arms import adaptive_consistency, first_draws, independent_draws
from feab.generation.fitted import ErrorModel
from feab.generation.information import gains
from feab.generation.labelled import fit_rates, labelled
from feab.generation.posterior import draws_evidence, independent
from feab.generation.record import LEVELS, FaceDraws, Verdict
from feab.generation.settings import Settings
from feab.generation.simulated import Annotator, Answers, Truths, profile, simulate
from feab.generation.tally import Tally
from feab.generation.verifying import fit_verifier, verdicts_evidence
from feab.knowledge import Evidence, Given, JointModel, Posterior, fit_joint, load_knowledge, nothing
from feab.metrics import expression_calibration_sums, expression_reliability
from feab.vocabulary import EXPRESSIONS

Floats = npt.NDArray[np.floating]
CALIBRATION, CONTEXTS, DRAWS = 400, 10, 2
LAMBDAS = np.linspace(0, 1.5, 16)


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Simulated faces: what they show, what is known of each, and what the annotator says of it."""

    expression: npt.NDArray[np.integer]
    known: Floats
    answers: Answers


def simulated_faces(annotator: Annotator, n: int, seed: int) -> Faces:
    """Faces of all expressions alike; knowledge is drawn as in prototypes/sim/svuamc.py."""
    rng = np.random.default_rng([seed, 1])
    expression = rng.integers(0, len(EXPRESSIONS), n)
    known = rng.dirichlet(np.full(len(EXPRESSIONS), 0.6), size=n)
    good = np.flatnonzero(rng.random(n) < 0.6)
    known[good] *= 0.45
    known[good, expression[good]] += 0.55
    truths = Truths.of([Given(EXPRESSIONS[e]) for e in expression])
    return Faces(expression, known, simulate(annotator, truths, contexts=CONTEXTS, draws=DRAWS, seed=seed))


def judge(said: Tally, known: Floats | None, heard: Evidence, model: ErrorModel, joint: JointModel) -> Posterior:
    """The posterior; knowledge of each face by itself, with the weight λ, stands for the joint model's."""
    weighed = draws_evidence(said, model) + heard
    if known is not None:
        prior = nothing(len(said))
        weighed = weighed + Evidence(
            model.lam["expression"] * np.log(known + 1e-9), prior.action_units, prior.valence, prior.arousal
        )
    return independent(weighed, joint)


def weighing(model: ErrorModel, lam: float) -> ErrorModel:
    """With another weight of knowledge."""
    return model.model_copy(update={"lam": dict.fromkeys(LEVELS, lam)})


def calibrated(faces: Faces, joint: JointModel, annotator: Annotator, seed: int) -> ErrorModel:
    """Rates from ten draws, λ and the verifier's rates from four, as in the prototype."""
    truths = [Given(EXPRESSIONS[e]) for e in faces.expression]
    names = [str(row) for row in range(len(truths))]
    settings = Settings()
    ten = labelled(faces.answers.in_contexts(5).faces(names), truths, [Given()] * len(truths), joint.aus)
    model = fit_rates(ten, joint, settings)
    pilot, silent = faces.answers.in_contexts(2).tally(), nothing(len(truths))
    rows = np.arange(len(truths))

    def loss(lam: float) -> float:
        found = judge(pilot, faces.known, silent, weighing(model, lam), joint)
        return -float(np.log(found.expression[rows, faces.expression]).mean())

    model = weighing(model, float(min(LAMBDAS, key=loss)))
    found = judge(pilot, faces.known, silent, model, joint)
    seen = verified(rows, found, faces.expression, annotator, np.random.default_rng([seed, 2]))
    verifier = fit_verifier(seen, pilot, faces.expression, ten.units, ten.affect)
    return model.model_copy(update={"verifier": verifier})


def verified(
    rows: npt.NDArray[np.integer],
    found: Posterior,
    truth: npt.NDArray[np.integer],
    annotator: Annotator,
    rng: np.random.Generator,
) -> list[FaceDraws]:
    """Verdicts on the likeliest expression of some faces; none of the others."""
    candidate = found.expression.argmax(axis=1)
    confirmed = annotator.confirms(candidate == truth, rng)
    shown = set(rows.tolist())
    return [
        FaceDraws(
            str(row),
            (),
            (Verdict("expression", EXPRESSIONS[candidate[row]], "confirm" if confirmed[row] else "refute"),)
            if row in shown
            else (),
        )
        for row in range(len(truth))
    ]


def procedure(
    faces: Faces,
    model: ErrorModel,
    joint: JointModel,
    annotator: Annotator,
    *,
    seed: int,
    cap: int,
    check: bool,
    price: float | None = None,
) -> tuple[Floats, float]:
    """Context by context until .9 sure (or, with a price, one more is not worth it); then the verifier.

    Returns:
        Probabilities and mean calls, a verdict counting as one draw.
    """
    n, settings = len(faces.expression), Settings()
    used = np.full(n, 2 if price is not None else 1)
    while True:
        said = faces.answers.in_contexts(used).tally()
        found = judge(said, faces.known, nothing(n), model, joint)
        live = (found.expression.max(axis=1) < 0.9) & (used < cap // DRAWS)
        if price is not None:
            live &= gains(said, found, model, settings)["expression"] >= price
        if not live.any():
            break
        used = used + live
    unsure = np.flatnonzero(found.expression.max(axis=1) < 0.9) if check else np.array([], int)
    seen = verified(unsure, found, faces.expression, annotator, np.random.default_rng([seed, 3]))
    final = judge(said, faces.known, verdicts_evidence(seen, said, model), model, joint)
    return final.expression, float(used.mean() * DRAWS + len(unsure) / n)


def row(name: str, shares: Floats, truth: npt.NDArray[np.integer], draws: float) -> dict[str, object]:
    """One row of the table. The floor is the ECE of a perfectly calibrated annotator with these confidences; "fifths"
    is the accuracy of the surest fifth of the faces, of the next, and so on.
    """
    shares = np.asarray(shares) / np.asarray(shares).sum(axis=1, keepdims=True)
    labels = [EXPRESSIONS[e] for e in truth]
    sums = expression_calibration_sums(labels, shares, EXPRESSIONS)
    right, sure = shares.argmax(axis=1) == truth, shares.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    best = order[: int(0.8 * len(truth))]
    return {
        "arm": name,
        "draws": round(draws, 2),
        "accuracy": round(float(right.mean()), 4),
        "best 80 %": round(float(right[best].mean()), 4),
        "fifths": [round(float(right[part].mean()), 4) for part in np.array_split(order, 5)],
        "ece": round(float(sums.values()[0, sums.column("ece")]), 4),
        "floor": round(expression_reliability(labels, shares, EXPRESSIONS)["floor"]["ece"], 4),
    }


def one_seed(seed: int, n: int, joint: JointModel) -> Iterator[dict[str, object]]:
    """All arms on the same faces."""
    annotator = profile("middling")
    model = calibrated(simulated_faces(annotator, CALIBRATION, 2 * seed + 1), joint, annotator, seed)
    faces = simulated_faces(annotator, n, 2 * seed)
    truth = faces.expression
    yield {
        "fitted": {
            "concentration": round(model.expression.concentration, 3),
            "lambda": model.lam["expression"],
            "verifier, few and many draws": [bin.rates for bin in model.verifier.confirmed["expression"]],
        },
        "knowledge alone": round(float((faces.known.argmax(axis=1) == truth).mean()), 4),
    }
    for draws in (1, 4, 10, 20):
        said = first_draws(faces.answers, np.full(n, draws))
        yield row(f"plurality, {draws}", said.expressions.sum(axis=1), truth, draws)
    for draws in (4, 20):
        said = first_draws(faces.answers, np.full(n, draws))
        yield row(f"draws taken as independent, {draws}", independent_draws(said, model), truth, draws)
    for draws in (4, 10, 20):
        found = judge(faces.answers.in_contexts(draws // DRAWS).tally(), None, nothing(n), model, joint)
        yield row(f"Dirichlet-multinomial, {draws}", found.expression, truth, draws)
    beta = adaptive_consistency(faces.answers, "expression")
    said = first_draws(faces.answers, beta.used.astype(int))
    yield {
        **row("Beta .95, at most 20", said.expressions.sum(axis=1), truth, float(beta.used.mean())),
        "decided": round(float(beta.decided.mean()), 4),
        "right where decided": round(float((beta.value == truth)[beta.decided].mean()), 4),
    }
    for name, cap, check, price in (
        ("+ knowledge, t = .9, at most 6", 6, False, None),
        ("+ verification, at most 6", 6, True, None),
        ("+ verification, at most 10", 10, True, None),
        ("the same, by value of information .01, at most 20", 20, True, 0.01),
        ("the same, by value of information .003, at most 20", 20, True, 0.003),
    ):
        shares, used = procedure(faces, model, joint, annotator, seed=seed, cap=cap, check=check, price=price)
        yield row(name, shares, truth, used)


def main() -> None:
    """Print a JSON object a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--faces", type=int, default=8000)
    given = parser.parse_args()
    joint = fit_joint(load_knowledge())
    for seed in given.seeds:
        for line in one_seed(seed, given.faces, joint):
            sys.stdout.write(json.dumps({"seed": seed, **line}, ensure_ascii=False) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
