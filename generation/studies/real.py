"""SEKE with a real annotator on faces whose truth is known: the arms of levels.py replay what a model really said.

    python generation/studies/real.py --model openai/tiny -M base_url=http://127.0.0.1:8000/v1 --out tiny/
    python generation/studies/real.py --model hf/reader --split test --calibrate validation --out of-reader/
    python generation/studies/summary.py tiny/levels.jsonl

Every face of `synth` that takes part (by default of the training split to calibrate, of the validation split to be
judged) is asked about in ten contexts, twice each, through the adapter and the journal, as `feab seke annotate` asks;
the arms then take as many of these answers as they want. Verdicts are asked of the model when an arm wants one. All
answers lie in the folder's draws.jsonl, so that the same command goes on where it was broken off. Annotators that read
SEKE's questions are made by reader.py; panel.py asks several networks instead of one model. The arm "tables alone" asks
nothing.

A seed is another order of the contexts of each face, not another annotator or other faces: intervals over seeds say how
much depends on which answers come first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import levels as study
import numpy as np
import panel

from feab.cli.run import parse_arguments
from feab.errors import FeabError
from feab.generation.asking import Asker, Check
from feab.generation.deciding import Candidate
from feab.generation.drawn import Answers
from feab.generation.faces import Face, by_name
from feab.generation.prepare import Prepared, prepare
from feab.generation.recipe import Recipe, load_recipe
from feab.generation.record import LEVELS, Verdict
from feab.generation.seeds import SeedFile
from feab.generation.settings import Settings
from feab.generation.standing import within
from feab.journal import Journal, Progress, ask, read_predictions
from feab.knowledge import Knowledge, certain, fit_joint, load_knowledge, posterior
from feab.models import Model, load_model
from feab.records import Question
from feab.schemas import Prediction


@dataclass(frozen=True, slots=True, eq=False)
class AskedFaces(study.Faces):
    """Faces as the arms take them, and as the annotator is asked about them."""

    asked: Sequence[Face]


class Annotator:
    """A model that is asked through a journal, once for each thing."""

    def __init__(self, model: Model, asker: Asker, journal: Journal, faces: Sequence[Face]) -> None:
        """What the journal holds of these faces is heard at once; others may have been asked about with them before."""
        self._model, self._asker, self._journal, self._faces = model, asker, journal, by_name(faces)
        for prediction in read_predictions(journal.path):
            if prediction.sample in self._faces.get(prediction.task, {}):
                self._hear(prediction)

    def ask(self, questions: Iterator[Question]) -> None:
        """Ask what was not answered yet.

        Raises:
            FeabError: when the model fails on and on, or an answer is an error.
            KeyboardInterrupt: on Ctrl-C, after everything is on disk.
        """

        def on_progress(progress: Progress) -> None:
            for prediction in progress.new:
                self._hear(prediction)
            if progress.done % 500 == 0:
                sys.stderr.write(f"{progress.done:,} answers\n")

        end = ask(self._model, questions, self._journal, parse=self._asker.parse, reasons=True, on_progress=on_progress)
        if end.interrupted:
            raise KeyboardInterrupt
        if end.stopped is not None:
            raise FeabError(f"{end.stopped.kind}: {end.stopped.message}")

    def draw(self, faces: Sequence[Face]) -> None:
        """Have all faces asked about in all contexts."""

        def wanted() -> Iterator[Question]:
            for context in range(study.CONTEXTS):
                for face in faces:
                    if face.contexts().get(context, 0) < study.DRAWS:
                        yield self._asker.question(face, context)

        self.ask(wanted())
        lacking = sum(len(face.draws) < study.CONTEXTS * study.DRAWS for face in faces)
        if lacking:
            raise FeabError(f"of {lacking:,} faces answers are missing; the same command asks again")

    def verify(self, faces: study.Faces, wanted: Sequence[tuple[int, Candidate]]) -> list[Verdict]:
        """A `levels.Verifier`. Of one thing there is one verdict, whichever arm asked first."""
        assert isinstance(faces, AskedFaces)
        checks = [(faces.asked[row], Check(*candidate)) for row, candidate in wanted]
        self.ask(self._asker.question(face, check) for face, check in checks if _said(face, check) is None)
        return [_said(face, check) or Verdict(check.about, check.candidate, None) for face, check in checks]

    def _hear(self, prediction: Prediction) -> None:
        if prediction.error is None:
            self._asker.hear(self._faces[prediction.task][prediction.sample], prediction)


def _said(face: Face, check: Check) -> Verdict | None:
    same = (one for one in face.verdicts if (one.about, one.candidate) == (check.about, check.candidate))
    return next(same, None)


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe, with as many calibrating faces of another split as were asked for."""
    read = load_recipe(options.recipe)
    # All levels: faces that display no expression lack it, and else some of the judged split would calibrate that.
    there = {level: {"data": "synth", "split": options.calibrate} for level in LEVELS}
    calibration = {"faces": options.calibrating, "per_expression": 0, "elsewhere": there}
    return Recipe.model_validate({**read.model_dump(), "calibration": calibration})


def faces_of(asked: Sequence[Face], seed: int) -> AskedFaces:
    """Their labels and answers, the contexts of each face in an order that depends on the seed."""
    answers = Answers.of([face.said() for face in asked])
    rng = np.random.default_rng([seed, 7])
    order = rng.permuted(np.tile(np.arange(study.CONTEXTS), (len(asked), 1)), axis=1)

    def shuffled(values: Any) -> Any:
        return values[np.arange(len(asked))[:, None], order]

    names = ("asked", "expression", "units", "affect")
    answers = replace(answers, **{name: shuffled(getattr(answers, name)) for name in names})
    truths = [face.labels.given(face.row, LEVELS) for face in asked]
    return AskedFaces(truths, [face.given for face in asked], asked[0].missing, answers, asked)


def tables_alone(faces: AskedFaces, knowledge: Knowledge, coverage: float) -> Iterator[dict[str, Any]]:
    """An arm that asks nothing: what the tables make of the given labels."""
    joint = fit_joint(knowledge)
    found = posterior(joint, certain(faces.given, joint.aus))
    sure = {
        "expression": found.expression.max(axis=1),
        "valence_arousal": within(found.sds, Settings().va_error),
        "action_units": np.maximum(found.action_units, 1 - found.action_units).mean(axis=1),
    }
    for level in faces.missing:
        told = study.scores(faces, level, study.value_of(found, level), sure[level], coverage)
        yield {"arm": "tables alone", "level": level, "cost": 0.0, **told}


def opened(options: argparse.Namespace) -> Model:
    """The annotator.

    Raises:
        FeabError: when there is no such model, or it cannot be opened here.
    """
    if options.model == panel.NAME:
        return panel.open_panel()
    return load_model(options.model, **parse_arguments(options.arguments, {}))


def chosen(what: Prepared) -> tuple[list[Face], list[Face]]:
    """The faces that calibrate and those that are judged: all display an expression, and lack the same levels."""
    missing = tuple(level for level in LEVELS if level not in (what.given or ()))

    def fit(faces: Sequence[Face]) -> list[Face]:
        shown = (face for face in faces if face.labels.given(face.row, LEVELS).expression is not None)
        return [face for face in shown if face.missing == missing]

    return fit(what.chosen.calibrating), fit(what.chosen.annotated)


def main() -> None:
    """Ask what was not asked, do the seeds that are not done, and print the table of those that are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help=f"a model as feab run takes it, or {panel.NAME}: see panel.py")
    parser.add_argument("-M", dest="arguments", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--recipe", default="seke")
    parser.add_argument("--given", nargs="*", choices=LEVELS, default=["action_units"])
    parser.add_argument("--knowledge", nargs="+", choices=tuple(study.KNOWLEDGE), default=["mismatched", "matched"])
    parser.add_argument("--split", default="validation", help="whose faces are judged")
    parser.add_argument("--calibrate", default="train", metavar="SPLIT", help="whose faces calibrate")
    parser.add_argument("--faces", type=int, default=400)
    parser.add_argument("--calibrating", type=int, default=study.CALIBRATING)
    parser.add_argument("--coverage", type=float, default=0.8)
    parser.add_argument("--budgets", type=int, nargs="*", default=[], help="further limits of contexts, from 2")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--out", type=Path, required=True, help="the folder of answers and results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = recipe_of(options)
    what = prepare("synth", recipe, split=options.split, given=options.given, limit=options.faces)
    calibrating, judged = chosen(what)
    counted = f"{len(judged)} faces of {options.split}, {len(calibrating)} of {options.calibrate} calibrate"
    head = {"given": options.given, "settings": f"{options.model}, {counted}"}
    names = ("seed", "given", "knowledge", "settings")
    with (
        SeedFile(options.out / "levels.jsonl", names) as file,
        Journal(options.out / "draws.jsonl") as journal,
        closing(opened(options)) as model,
    ):
        asker = Asker(recipe, fit_joint(recipe.knowledge_numbers()))
        annotator = Annotator(model, asker, journal, [*calibrating, *judged])
        annotator.draw([*calibrating, *judged])
        for seed in options.seeds:
            learnt, faces = faces_of(calibrating, seed), faces_of(judged, seed)
            for knowledge in options.knowledge:
                one = argparse.Namespace(**{**vars(options), "knowledge": knowledge})
                line = {"seed": seed, **head, "knowledge": knowledge}
                if not file.is_done(line):
                    sys.stderr.write(f"seed {seed}, {knowledge} knowledge\n")
                    lines = study.compared(seed, one, learnt, faces, lambda: annotator.verify)
                    numbers = load_knowledge(**study.KNOWLEDGE[knowledge](seed))
                    lines = chain(tables_alone(faces, numbers, options.coverage), lines)
                    file.add(line, study.told(lines, sys.stderr.write))
        sys.stdout.write(file.table())


if __name__ == "__main__":
    main()
