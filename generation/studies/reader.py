"""An annotator that reads SEKE's questions and misreads some faces: a small LLaVA, made from nothing for real.py.

    python generation/studies/reader.py --out runs/studies/reader

Of feab-tiny's kind and by its code, but with a quarter of the pixels and an eye that is trained briefly, so that it
misreads faces as models of photographs do. Its language model learns SEKE's own questions as real.py puts them:
every paraphrase, orders of options and fields, action units or the expression given in words, no knowledge quoted; and
verifications beside foils. Answers are the true labels of the train split of `synth`, whose people are neither in the
validation nor in the test split. What is given in a question is the face's own, so that it may learn from that, too, as
any annotator has learnt how the levels go together; `--probe` says how far it does.

    python generation/studies/reader.py --out runs/studies/reader --probe 200
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from feab.content import shipped
from feab.data import load_dataset
from feab.generation.asked import ABSENT, FITS, NEITHER, PRESENT, TOO_HIGH, TOO_LOW
from feab.generation.contexts import contexts_for
from feab.generation.human import HumanLabels, human_labels
from feab.generation.prompts import annotation_question, verification_question
from feab.generation.record import LEVELS, Level
from feab.knowledge import JointModel, fit_joint, load_knowledge
from feab.records import Media, Question, Sample, Sampling, Text
from feab.tasks.task import AXES
from feab.training.language import Speaker, image_tokens
from feab.training.pictures import load_faces, seen_by
from feab.training.reading import fit, loss_of, make_heads
from feab.training.recipe import Architecture, Picture, ScratchRecipe, load_recipe
from feab.training.recipe import Text as Llama
from feab.training.tiny import build_image_processor, build_model, build_processor
from feab.training.tower import make_eye
from feab.vocabulary import EXPRESSIONS, FEAB_17

TINY = shipped("training") / "tiny.yaml"
PICTURE = Picture(resize=92, crop=64)
LLAMA = Llama(width=160, mlp=384, layers=3, heads=2)
"""feab-tiny's, with half as many heads: vLLM's CPU kernels know heads of 80."""
VOCABULARY = 1300
GIVEN: tuple[tuple[Level, ...], ...] = ((), ("expression",), ("action_units",))
SHARES = (0.3, 0.35, 0.35)
"""What is given in questions, and how often; the other levels are asked for."""
CHECKS, NEITHER_FITS = 0.3, 0.1
"""Shares of verifications where something is given, and of those on expressions in which both options are wrong."""
STEP, NEAR, OFF = 0.05, 0.2, 0.3
"""Valence and arousal are said on this grid; a rating fits that is no further away than `NEAR`; spread of those shown."""

CARD = """\
name: seke-reader
description: A small model of rendered faces that answers SEKE's questions, and errs; the annotator of a study
adapter: hf/.
access: open
licence: Apache-2.0
trained_on: [synth]
intended_use: generation/studies/real.py. What it says of photographs means nothing.
"""

_NOTHING = Media(data=b"")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question about a face, by its row, and the true answer."""

    row: int
    question: str
    answer: str


def words(question: Question) -> str:
    """What stands beside the picture."""
    return "".join(part.text for message in question.messages for part in message.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Makes questions about a dataset's faces that display an expression, with their true answers."""

    ids: Sequence[str]
    labels: HumanLabels
    knowledge: JointModel
    """Not quoted."""

    @property
    def rows(self) -> list[int]:
        """The faces that display one of the eight expressions."""
        return [row for row, word in enumerate(self.labels.expression) if word in EXPRESSIONS]

    def question(self, row: int, given: Sequence[Level], seed: int) -> Question:
        """A question for all levels that are not given, in one of the contexts; its picture is left out."""
        sample = Sample(self.ids[row], _NOTHING)
        missing = [level for level in LEVELS if level not in given]
        context = next(contexts_for(sample.id, seed, knowledge=False))
        shown = self.labels.given(row, given)
        return annotation_question(sample, shown, missing, context, self.knowledge, sampling=Sampling())

    def answer(self, question: Question, row: int) -> str:
        """The true answer of a face, fields in the order that the question asks for, without spaces."""
        known = self.labels.given(row, LEVELS)
        values = {"expression": json.dumps(known.expression)}
        values |= {axis: f"{_on_grid(getattr(known, axis)):.2f}" for axis in AXES}
        values["action_units"] = json.dumps([au for au in FEAB_17 if known.action_units.get(au)], separators=(",", ":"))
        assert question.schema is not None
        return "{" + ",".join(f'"{name}":{values[name]}' for name in question.schema["properties"]) + "}"

    def doubt(self, row: int, given: Sequence[Level], rng: np.random.Generator) -> tuple[str, str, str]:
        """What to verify of a face: about what, a candidate, which is as often right as not, and a foil."""
        known = self.labels.given(row, LEVELS)
        if rng.random() < 0.5:
            axis = str(rng.choice(AXES))
            shown = getattr(known, axis) + OFF * rng.standard_normal()
            return axis, f"{_on_grid(float(np.clip(shown, -1, 1))):.2f}", ""
        if "expression" in given:
            pair = [PRESENT, ABSENT][:: 1 if rng.random() < 0.5 else -1]
            return str(rng.choice(list(known.action_units))), pair[0], pair[1]
        others = [word for word in EXPRESSIONS if word != known.expression]
        pair = [others[place] for place in rng.permutation(len(others))[:2]]
        if rng.random() >= NEITHER_FITS:
            pair[int(rng.integers(2))] = str(known.expression)
        return "expression", pair[0], pair[1]

    def verdict(self, row: int, about: str, candidate: str, foil: str) -> str | None:
        """The true answer to a verification; None where the truth is not known."""
        known = self.labels.given(row, LEVELS)
        if about in AXES:
            above = round(_on_grid(getattr(known, about)) - float(candidate), 2)
            said: str | None = FITS if abs(above) <= NEAR else TOO_LOW if above > 0 else TOO_HIGH
        elif about == "expression":
            said = known.expression if known.expression in (candidate, foil) else NEITHER
        else:
            present = known.action_units.get(int(about))
            said = None if present is None else PRESENT if present else ABSENT
        return None if said is None else json.dumps({"answer": said}, separators=(",", ":"))

    def asked(self, rows: Sequence[int], given: Sequence[Level], rng: np.random.Generator) -> list[Lesson]:
        """One question about some faces that are given alike, with the answer of each."""
        question = self.question(rows[0], given, int(rng.integers(2**31)))
        return [Lesson(row, words(question), self.answer(question, row)) for row in rows]

    def checked(self, rows: Sequence[int], given: Sequence[Level], rng: np.random.Generator) -> list[Lesson]:
        """One verification about some faces that are given alike, with the answer of each of which it is known."""
        sample, shown = Sample(self.ids[rows[0]], _NOTHING), self.labels.given(rows[0], given)
        doubt = self.doubt(rows[0], given, rng)
        question = verification_question(sample, shown, *doubt, int(rng.integers(2**31)), None, Sampling())
        answers = [(row, self.verdict(row, *doubt)) for row in rows]
        return [Lesson(row, words(question), answer) for row, answer in answers if answer is not None]

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[list[Lesson]]:
        """Without end; each of one kind of question.

        Faces of which the same is known share one question, whose keys and values are computed once; where action units
        are given each face has its own, and there are half as many of them.
        """
        while True:
            given = GIVEN[int(rng.choice(len(GIVEN), p=SHARES))]
            rows = [int(row) for row in rng.permutation(self.rows)]
            if "expression" in given:
                rows = [row for row in rows if self.labels.expression[row] == self.labels.expression[rows[0]]]
            groups = [[row] for row in rows[: size // 2]] if "action_units" in given else [rows[:size]]
            make = self.checked if given and rng.random() < CHECKS else self.asked
            yield [lesson for group in groups for lesson in make(group, given, rng)]


def _on_grid(value: float) -> float:
    return round(round(value / STEP) * STEP, 2) + 0.0  # not -0.0


def spell(processor: Any, texts: Sequence[str]) -> None:
    """Give a processor a tokenizer whose words are phrases: numbers, labels, and what stands between commas.

    A question is then some 150 tokens, not 400. Learnt from `texts`.
    """
    from tokenizers import Regex, pre_tokenizers

    labels = "|".join((*EXPRESSIONS, *AXES, "expression", "action_units", PRESENT, ABSENT, NEITHER))
    pieces = rf"-?\d+(?:\.\d+)?|\b(?:{labels})\b|[,;|:] |\n"
    old = processor.tokenizer
    old.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pieces), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    processor.tokenizer = old.train_new_from_iterator(texts, VOCABULARY)


def loss(speaker: Speaker, lessons: Sequence[Lesson], tokens: Any) -> Any:
    """Mean cross-entropy of the answers' tokens, whether the lessons share a question or not.

    Args:
        speaker: the model.
        lessons: b of them.
        tokens: what the eye says of their faces, (b, width).
    """
    import torch

    if len({one.question for one in lessons}) == 1:
        return speaker.loss(lessons[0].question, tokens, [one.answer for one in lessons])
    asked = [[token for part in speaker.split(one.question) for token in part] for one in lessons]
    said = speaker.tokenizer([one.answer for one in lessons], add_special_tokens=False)["input_ids"]
    rows = [[*a, *s, speaker.end] for a, s in zip(asked, said, strict=True)]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [speaker.end] * (longest - len(row)) for row in rows])
    place = (ids == speaker.image_id)[..., None]
    hidden = speaker.text(inputs_embeds=torch.where(place, tokens[:, None], speaker.embed(ids))).last_hidden_state
    # Padding follows what counts, so that causal attention needs no mask.
    at = torch.arange(longest)
    answer = torch.stack([(at >= len(a)) & (at < len(row)) for a, row in zip(asked, rows, strict=True)])
    logits = speaker.model.lm_head(hidden[:, :-1][answer[:, 1:]])
    return torch.nn.functional.cross_entropy(logits.float(), ids[answer])


def make(out: Path, *, epochs: int, steps: int, batch: int, rate: float, seed: int, say: Say) -> None:
    """Build and train the annotator in `out`."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    tiny = load_recipe(TINY)
    assert isinstance(tiny, ScratchRecipe)
    architecture: Architecture = tiny.architecture.model_copy(update={"picture": PICTURE, "text": LLAMA})
    data = load_dataset("synth", "train")
    lessons = Lessons(data.ids, human_labels(data), fit_joint(load_knowledge()))
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    batches = lessons.batches(batch, rng)
    texts = [text for some in islice(batches, 40) for one in some for text in (one.question, one.answer)]
    processor = build_processor(architecture, ())
    spell(processor, [*texts, *(f"{k * STEP:.2f}" for k in range(-20, 21))])
    model = build_model(architecture, processor.tokenizer)
    faces = load_faces(data, seen_by(build_image_processor(PICTURE)), None)
    say(f"{len(lessons.rows)} faces, {len(processor.tokenizer)} tokens")

    eye, heads = make_eye(model), make_heads(LLAMA.width)
    brief = tiny.vision.model_copy(update={"epochs": epochs})
    fit(
        [eye, heads],
        lambda pixels, some: loss_of(heads, eye(pixels), faces, some),
        faces,
        brief,
        seed=seed,
        log=lambda told: say(f"eye: {told}"),
    )
    tokens = image_tokens(eye, faces, tiny.language.views, seed)
    speaker = Speaker(model, processor)
    parameters = list(speaker.text.parameters())
    optimiser = torch.optim.AdamW(parameters, rate, weight_decay=tiny.language.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=0.05)
    missed: list[float] = []
    model.train()
    for step, some in enumerate(islice(batches, steps), 1):
        views = torch.from_numpy(rng.integers(len(tokens), size=len(some)))
        wrong = loss(speaker, some, tokens[views, torch.tensor([one.row for one in some])])
        wrong.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        schedule.step()
        missed.append(float(wrong.detach()))
        if step % 50 == 0:
            say(f"language: step {step} of {steps}, loss {np.mean(missed[-50:]):.3f}")
    model.eval()
    model.save_pretrained(out)
    processor.save_pretrained(out)
    (out / "card.yaml").write_text(CARD, encoding="utf-8")


def main() -> None:
    """Make the annotator, unless it is there, or probe it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the model's folder")
    parser.add_argument("--epochs", type=int, default=4, help="of the eye")
    parser.add_argument("--steps", type=int, default=800, help="of the language model")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.process_time()

    def say(told: str) -> None:
        sys.stderr.write(f"{time.process_time() - started:7.1f} s of processor time  {told}\n")

    if (options.out / "card.yaml").exists():
        sys.exit(f"{options.out} already holds a model; name another --out")
    make(
        options.out,
        epochs=options.epochs,
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        seed=options.seed,
        say=say,
    )
    say(f"made: {options.out}")


if __name__ == "__main__":
    main()
