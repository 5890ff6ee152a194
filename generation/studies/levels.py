"""SEKE on faces whose truth is known, level by level, against simpler ways of using the same simulated annotator.

Faces are those of `synth` (labels only; no picture is looked at). Some levels are given, as a source would give them,
the others hidden. The annotator's errors are shared by all draws of a face and more by those of a context, and its AUs,
valence and arousal follow in part the expression that it believes to see. Knowledge is matched to the renderer, of
another theory (Darwin's AUs, ratings of other words, another table from AUs to valence), or has shuffled names.

    python generation/studies/levels.py --given action_units --out levels.jsonl
    python generation/studies/summary.py levels.jsonl

Writes a JSON object for every arm, seed and knowledge. Adaptive arms are run once with the recipe's limit of contexts
and once with each of `--budgets`, so that arms can be compared at equal cost; `risks` is the error of the surest 5 %,
10 % … 100 %, and "at the accepted share" the error of as many faces as full SEKE accepts of that level, so that they
can be compared at equal coverage, too. Each seed is written when it is done: the same command goes on where it was
broken off, `--status` says what is done. Seed 0 is not among those of the study: scaling was tuned on it.
With AUs given a seed and knowledge takes about half a minute of an idle core; with the expression given about three, as
2^17 displays are summed over for each face; each further budget takes about as much again.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.data import load_dataset
from feab.generation.arms import adaptive_consistency, first_draws, plurality
from feab.generation.deciding import Candidate, Settings, annotate_faces, next_step
from feab.generation.error_model import ErrorModel, fit_error_model
from feab.generation.posterior import truth as judge
from feab.generation.record import LEVELS, FaceDraws, Level, Verdict
from feab.generation.seeds import SeedFile
from feab.generation.simulated import Annotator, Answers, Truths, profile, profiles, simulate
from feab.generation.standing import confidence
from feab.generation.verifying import RULINGS
from feab.knowledge import Given, JointModel, Posterior, fit_joint, load_knowledge, shuffled
from feab.metrics import (
    action_unit_calibration_sums,
    action_unit_reliability,
    action_unit_scores,
    expression_calibration_sums,
    expression_reliability,
    valence_arousal_scores,
)
from feab.vocabulary import EXPRESSIONS, FEAB_17

Floats = npt.NDArray[np.floating]
CONTEXTS, DRAWS = 10, 2
CALIBRATING = 400
COVERAGES = tuple(share / 20 for share in range(1, 21))
"""Of `risks`."""

KNOWLEDGE: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "matched": lambda seed: {"theory": "facs_2002"},
    "mismatched": lambda seed: {"theory": "darwin_1872", "anchors": "neighbours", "loadings": "affdex"},
    "shuffled": lambda seed: {"renamed": shuffled(seed)},
}


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Some faces: what they show, what is given of it, and all that the annotator would say of them."""

    truths: Sequence[Given]
    given: Sequence[Given]
    missing: tuple[Level, ...]
    answers: Answers

    @property
    def hidden(self) -> list[Given]:
        """The labels of the levels that are missing."""
        return [_part(one, self.missing) for one in self.truths]

    def said(self, contexts: npt.NDArray[np.integer], verdicts: Sequence[tuple[Verdict, ...]]) -> list[FaceDraws]:
        """What it was asked so far: levels that are given are not asked."""
        given = dict.fromkeys(level for level in LEVELS if level not in self.missing)
        names = [str(row) for row in range(len(self.truths))]
        return [
            FaceDraws(face.sample, tuple(replace(draw, **given) for draw in face.draws), heard)
            for face, heard in zip(self.answers.in_contexts(contexts).faces(names), verdicts, strict=True)
        ]


def _part(face: Given, levels: Sequence[Level]) -> Given:
    return Given(
        face.expression if "expression" in levels else None,
        face.action_units if "action_units" in levels else {},
        face.valence if "valence_arousal" in levels else None,
        face.arousal if "valence_arousal" in levels else None,
    )


def load_faces(split: str, n: int, given: Sequence[Level], annotator: Annotator, seed: int) -> Faces:
    """Faces of a split of synth that have an expression, drawn by the seed."""
    data, truths = load_dataset("synth", split), []
    for row in np.random.default_rng([seed, 5]).permutation(len(data)):
        one = data[int(row)]
        if one.expression is not None and len(truths) < n:
            coded = {au: bool(v) for au, v in one.au_presence.items() if au in FEAB_17 and not math.isnan(v)}
            truths.append(Given(one.expression, coded, one.valence, one.arousal))
    missing = tuple(level for level in LEVELS if level not in given)
    shown = Truths.of(truths)
    seen = shown.expression if "expression" in given else None
    number = 2 * seed + (split == "train")
    answers = simulate(annotator, shown, contexts=CONTEXTS, draws=DRAWS, seed=number, seen=seen)
    return Faces(truths, [_part(one, given) for one in truths], missing, answers)


Verifier = Callable[[Faces, Sequence[tuple[int, Candidate]]], list[Verdict]]
"""Says what becomes of candidates: (row, what to verify) of some faces."""


def simulated_verifier(annotator: Annotator, seed: int) -> Verifier:
    """One whose verdicts follow the same random numbers each time that it is made."""
    rng = np.random.default_rng([seed, 6])

    def verdict(truth: Given, candidate: Candidate) -> Verdict:
        about, value, _ = candidate
        if about in ("valence", "arousal"):
            above = getattr(truth, about) - float(value)
            return Verdict(about, value, RULINGS[annotator.rules(np.array([above]), rng)[0]])
        shown = truth.expression if about == "expression" else _word(truth, int(about))
        right = np.array([value == shown])
        return Verdict(about, value, "confirm" if annotator.confirms(right, rng)[0] else "refute")

    return lambda faces, wanted: [verdict(faces.truths[row], candidate) for row, candidate in wanted]


def _word(truth: Given, au: int) -> str:
    return "present" if truth.action_units.get(au, False) else "absent"


@dataclass(frozen=True, slots=True, eq=False)
class Procedure:
    """SV-UAMC with one kind of knowledge and one set of settings, on answers that are there."""

    knowledge: JointModel
    settings: Settings
    verifier: Callable[[], Verifier]
    """Makes the verifier of one run."""

    def fit(self, faces: Faces) -> ErrorModel:
        """The pilot, a provisional error model, the rest of the procedure by that, and the error model."""
        pilot = faces.said(np.full(len(faces.truths), self.settings.pilot_contexts), [()] * len(faces.truths))
        always = self.settings if self.settings.verify == "never" else replace(self.settings, verify="always")
        said, _, _ = replace(self, settings=always).run(faces, self._fit(faces, pilot))
        return self._fit(faces, said)

    def _fit(self, faces: Faces, said: Sequence[FaceDraws]) -> ErrorModel:
        return fit_error_model(said, faces.hidden, self.knowledge, faces.given, self.settings)

    def run(self, faces: Faces, model: ErrorModel) -> tuple[list[FaceDraws], Floats, Floats]:
        """What was said in the end, and how many draws and verdicts each face took."""
        verify, n = self.verifier(), len(faces.truths)
        contexts, verdicts = np.full(n, self.settings.pilot_contexts), [()] * n
        live = list(range(n))
        while live:
            said = faces.said(contexts, verdicts)
            steps = next_step(
                [said[row] for row in live],
                [faces.given[row] for row in live],
                [faces.missing] * len(live),
                model,
                self.knowledge,
                self.settings,
            )
            wanted = []
            for row, (step, candidate) in zip(live, steps, strict=True):
                if step == "ask":
                    contexts[row] += 1
                elif candidate is not None:
                    wanted.append((row, candidate))
            for (row, _), verdict in zip(wanted, verify(faces, wanted), strict=True):
                verdicts[row] = (*verdicts[row], verdict)
            live = [row for row, (step, _) in zip(live, steps, strict=True) if step != "stop"]
        return faces.said(contexts, verdicts), contexts * DRAWS, np.array([len(one) for one in verdicts])


def scores(
    faces: Faces, level: Level, value: Floats, sure: Floats, coverage: float, share: float = 0.0
) -> dict[str, Any]:
    """Of one level: its primary, the mean error over all coverages (AURC), and the error at some of them.

    Errors: a wrong expression, the share of wrong AUs, the mean square of valence and arousal. `share` is the coverage
    that is compared with full SEKE's accepted annotations; at 0 there is none.
    """
    order = np.argsort(-sure, kind="stable")
    wrong = errors(faces, level, value)[order]
    risks = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)

    def at(part: float) -> float:
        return float(risks[max(1, round(part * len(wrong))) - 1])

    return {
        "primary": primary(faces, level, value),
        "aurc": float(risks.mean()),
        f"error of the surest {coverage:.0%}": at(coverage),
        "at the accepted share": at(share) if share else None,
        "risks": [round(at(part), 4) for part in COVERAGES],
    }


def errors(faces: Faces, level: Level, value: Floats) -> Floats:
    """How wrong each face's value is, (n,)."""
    if level == "expression":
        names = np.array([EXPRESSIONS.index(str(one.expression)) for one in faces.truths])
        return (value != names).astype(float)
    if level == "valence_arousal":
        return ((value - affect(faces)) ** 2).mean(axis=1)
    return np.nanmean(np.where(np.isnan(units(faces)), np.nan, value != units(faces)), axis=1)


def primary(faces: Faces, level: Level, value: Floats) -> float | None:
    """Accuracy, mean CCC, or mean F1."""
    if level == "expression":
        return float(1 - errors(faces, level, value).mean())
    if level == "valence_arousal":
        found = valence_arousal_scores(affect(faces), value)
        return float(np.mean([found["ccc_valence"].value, found["ccc_arousal"].value]))
    return action_unit_scores(units(faces), value.astype(float), FEAB_17)["f1"].value


def affect(faces: Faces) -> Floats:
    """True valence and arousal, (n, 2)."""
    return np.array([(one.valence, one.arousal) for one in faces.truths], float)


def units(faces: Faces) -> Floats:
    """True AUs, (n, 17), NaN where not coded."""
    return np.array([[float(one.action_units.get(au, np.nan)) for au in FEAB_17] for one in faces.truths])


def calibration(faces: Faces, level: Level, found: Posterior) -> dict[str, float]:
    """ECE, and that of a perfectly calibrated simulator with the same confidences."""
    if level == "valence_arousal":
        return {}
    if level == "expression":
        labels = [str(one.expression) for one in faces.truths]
        sums = expression_calibration_sums(labels, found.expression, EXPRESSIONS)
        floor = expression_reliability(labels, found.expression, EXPRESSIONS)["floor"]
    else:
        sums = action_unit_calibration_sums(units(faces), found.action_units, FEAB_17)
        floor = action_unit_reliability(units(faces), found.action_units, FEAB_17)["floor"]
    return {"ece": float(sums.values()[0, sums.column("ece")]), "floor": floor["ece"]}


def value_of(found: Posterior, level: Level) -> Floats:
    """The posterior's values as arrays, as an `Arm` has them."""
    if level == "expression":
        return found.expression.argmax(axis=1).astype(float)
    return found.means if level == "valence_arousal" else (found.action_units > 0.5).astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an arm made of one level of all faces: values and confidences, as an `Arm` has them, and what it took."""

    arm: str
    level: Level
    value: Floats
    sure: Floats
    cost: float
    more: Mapping[str, Any]


def simple_arms(faces: Faces) -> Iterator[Outcome]:
    """Self-consistency with fixed numbers of draws, and until the two first are told apart."""
    n = len(faces.truths)
    for level in faces.missing:
        for draws in (1, 5, 10, 20):
            arm = plurality(first_draws(faces.answers, np.full(n, draws)), level)
            yield Outcome(f"plurality {draws}", level, arm.value, arm.confidence, float(draws), {})
        arm = adaptive_consistency(faces.answers, level)
        cost = float(arm.used.mean())
        yield Outcome("adaptive consistency", level, arm.value, arm.confidence, cost, {})


def adaptive_arm(name: str, procedure: Procedure, calibrating: Faces, faces: Faces) -> Iterator[Outcome]:
    """SV-UAMC with some settings, its error model fitted by the same procedure."""
    settings, knowledge = procedure.settings, procedure.knowledge
    model = procedure.fit(calibrating)
    said, draws, verdicts = procedure.run(faces, model)
    found, n = judge(said, faces.given, model, knowledge), len(said)
    done = annotate_faces(said, faces.given, [{}] * n, [faces.missing] * n, model, knowledge, settings)
    for level in faces.missing:
        value, sure = value_of(found, level), confidence(found, level, model, settings)
        taken = np.array([one.levels[level].source == "generated" for one in done])
        more = {
            "draws": float(draws.mean()),
            **calibration(faces, level, found),
            "accepted": float(taken.mean()),
            "error of the accepted": float(errors(faces, level, value)[taken].mean()) if taken.any() else None,
            "lambda": model.lam[level],
        }
        yield Outcome(name, level, value, sure, float(draws.mean() + verdicts.mean()), more)


def one_seed(seed: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All arms on the same faces and simulated answers."""
    annotator = profile(options.annotator, load_knowledge(), halo=options.halo)
    calibrating = load_faces("train", CALIBRATING, options.given, annotator, seed)
    faces = load_faces("validation", options.faces, options.given, annotator, seed)
    return compared(seed, options, calibrating, faces, lambda: simulated_verifier(annotator, seed))


def compared(
    seed: int, options: argparse.Namespace, calibrating: Faces, faces: Faces, verifier: Callable[[], Verifier]
) -> Iterator[dict[str, Any]]:
    """All arms on the same faces and answers."""
    knowledge = fit_joint(load_knowledge(**KNOWLEDGE[options.knowledge](seed)))
    arms = {"full SEKE": Settings(), "knowledge": Settings(verify="never")}
    arms["without knowledge"] = Settings(most_knowledge=0, verify="never")
    outcomes = list(simple_arms(faces))
    for name, settings in arms.items():
        for most in (settings.most_contexts, *options.budgets):
            limited = replace(settings, most_contexts=most)
            called = name if most == settings.most_contexts else f"{name}, at most {most} contexts"
            outcomes += adaptive_arm(called, Procedure(knowledge, limited, verifier), calibrating, faces)
    shares = {one.level: one.more["accepted"] for one in outcomes if one.arm == "full SEKE"}
    for one in outcomes:
        told = scores(faces, one.level, one.value, one.sure, options.coverage, shares[one.level])
        yield {"arm": one.arm, "level": one.level, "cost": one.cost, **told, **one.more}


def head_of(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """The fields with which every line of a seed begins: all that its numbers depend on."""
    settings = f"{options.annotator}, halo {options.halo:g}, {options.faces} faces, coverage {options.coverage:g}"
    if options.budgets:
        settings += f", budgets {' '.join(map(str, options.budgets))}"
    return {"seed": seed, "given": options.given, "knowledge": options.knowledge, "settings": settings}


def told(lines: Iterator[dict[str, Any]], say: Callable[[str], object]) -> Iterator[dict[str, Any]]:
    """The lines with as many digits as are read, each said when it comes. A number that there is not is None."""
    for line in lines:
        say(f"  {line['arm']}, {line['level'].replace('_', ' ')}: {line['cost']:.1f} answers a face\n")
        numbers = {key: value for key, value in line.items() if isinstance(value, float)}
        yield {**line, **{key: round(value, 4) if math.isfinite(value) else None for key, value in numbers.items()}}


def main() -> None:
    """Do the seeds that are not done, and print the table of those that are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--given", nargs="*", choices=LEVELS, default=["action_units"])
    parser.add_argument("--knowledge", nargs="+", choices=tuple(KNOWLEDGE), default=["mismatched", "matched"])
    parser.add_argument("--annotator", choices=profiles(), default="middling")
    parser.add_argument("--halo", type=float, default=0.3)
    parser.add_argument("--faces", type=int, default=800)
    parser.add_argument("--coverage", type=float, default=0.8)
    parser.add_argument("--budgets", type=int, nargs="*", default=[], help="further limits of contexts, from 2")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--out", type=Path, default=Path("levels.jsonl"), help="where seeds are written and looked for")
    parser.add_argument("--status", action="store_true", help="only say which seeds are done")
    options = parser.parse_args()
    with SeedFile(options.out, ("seed", "given", "knowledge", "settings")) as file:
        for seed in () if options.status else options.seeds:
            for knowledge in options.knowledge:
                one = argparse.Namespace(**{**vars(options), "knowledge": knowledge})
                head = head_of(seed, one)
                if not file.is_done(head):
                    sys.stderr.write(f"seed {seed}, {knowledge} knowledge\n")
                    file.add(head, told(one_seed(seed, one), sys.stderr.write))
        sys.stdout.write(file.table())


if __name__ == "__main__":
    main()
