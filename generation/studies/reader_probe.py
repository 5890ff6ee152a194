"""What reader.py's annotator takes from the picture, and what from the labels that its question gives in words.

    python generation/studies/reader_probe.py runs/studies/reader --faces 300

Faces of the validation split are asked about once, greedily, without knowledge: as they are; with the given labels of
another face in the question (where it answers as before, it has looked); and with the picture of another face beside
the right words (what it still gets right, it has read). Prints the primary of each level: accuracy, mean CCC, mean F1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import levels as study
import numpy as np

from feab.data import load_dataset
from feab.generation.answers import read_draw
from feab.generation.arms import plurality
from feab.generation.asked import levels_asked
from feab.generation.contexts import contexts_for
from feab.generation.drawn import Answers
from feab.generation.human import human_labels
from feab.generation.prompts import annotation_question
from feab.generation.record import LEVELS, FaceDraws
from feab.knowledge import Given, fit_joint, load_knowledge
from feab.models import Model, load_model
from feab.records import Question, Sample, Sampling
from feab.vocabulary import EXPRESSIONS, FEAB_17

ANSWER_TOKENS = 64


def strangers(words: Sequence[str | None]) -> list[int]:
    """For each of some faces the place of the next one that displays another expression, round and round."""
    n = len(words)
    return [
        next((step % n for step in range(place + 1, place + n) if words[step % n] != words[place]), place)
        for place in range(n)
    ]


def primaries(model: Model, samples: Sequence[Sample], truths: Sequence[Given], asked: Sequence[Question]) -> list[str]:
    """What a model's first answers to one question a face are worth, level by level."""
    missing = levels_asked(asked[0])
    texts = {done.question.sample: done.texts[0] for done in model.generate(asked) if done.error is None}
    draws = [read_draw(texts.get(one.id, ""), missing, FEAB_17, context=0, draw=0)[0] for one in samples]
    answers = Answers.of([FaceDraws(one.id, (draw,), ()) for one, draw in zip(samples, draws, strict=True)])
    faces = study.Faces(truths, truths, missing, answers)
    found = {level: study.primary(faces, level, plurality(answers.tally(), level).value) for level in missing}
    return ["" if found.get(level) is None else f"{found[level]:.3f}" for level in LEVELS]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the annotator's folder")
    parser.add_argument("--faces", type=int, default=300)
    options = parser.parse_args()
    data = load_dataset("synth", "validation")
    labels, knowledge = human_labels(data), fit_joint(load_knowledge())
    every = [row for row, word in enumerate(labels.expression) if word in EXPRESSIONS]
    rows = sorted(np.random.default_rng(0).permutation(every)[: options.faces].tolist())
    samples, others = [data[row] for row in rows], strangers([labels.expression[row] for row in rows])
    truths = [labels.given(row, LEVELS) for row in rows]
    sys.stdout.write("| given | the question has | expression | VA | AUs |\n|---|---|---|---|---|\n")
    with closing(load_model(f"hf/{options.model}")) as model:
        for given in ("action_units", "expression"):
            shown = [labels.given(row, [given]) for row in rows]
            cases = {
                "its own": (shown, samples),
                "words of another": ([shown[place] for place in others], samples),
                "picture of another": (shown, [samples[place] for place in others]),
            }
            for name, (said, pictures) in cases.items():
                asked = [
                    annotation_question(
                        Sample(one.id, picture.media),
                        known,
                        [level for level in LEVELS if level != given],
                        next(contexts_for(one.id, 0, knowledge=False)),
                        knowledge,
                        n=1,
                        sampling=Sampling(temperature=0, max_tokens=ANSWER_TOKENS),
                    )
                    for one, known, picture in zip(samples, said, pictures, strict=True)
                ]
                cells = [given, name, *primaries(model, samples, truths, asked)]
                sys.stdout.write("| " + " | ".join(cells) + " |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
