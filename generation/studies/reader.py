"""An annotator that reads SEKE's questions and misreads some faces: a small LLaVA, made from nothing for real.py.

    python generation/studies/reader.py --out runs/studies/reader
    python generation/studies/reader_probe.py runs/studies/reader

Of feab-tiny's kind and by its code, but with a quarter of its pixels and an eye that is trained briefly, so that it
misreads faces as models of photographs do. Its language model learns SEKE's own questions (reader_lessons.py): every
paraphrase, orders of options and fields, nothing or action units or the expression given in words, no knowledge quoted;
and verifications beside foils. Answers are the true labels of the train split of `synth`, whose people are neither in
its validation nor in its test split. What a question gives is true of its face, so that the annotator may learn from
that, too, how the levels go together, as any model has; reader_probe.py says how far it did.

Takes five minutes of an idle core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from reader_lessons import STEP, Lesson, Lessons

from feab.content import shipped
from feab.data import load_dataset
from feab.generation.asked import ABSENT, NEITHER, PRESENT
from feab.generation.human import human_labels
from feab.knowledge import fit_joint, load_knowledge
from feab.tasks.task import AXES
from feab.training.language import Speaker, image_tokens
from feab.training.pictures import Faces, load_faces, seen_by
from feab.training.reading import fit, loss_of, make_heads
from feab.training.recipe import Picture, ScratchRecipe, load_recipe
from feab.training.recipe import Text as Llama
from feab.training.tiny import build_image_processor, build_model, build_processor
from feab.training.tower import make_eye
from feab.vocabulary import EXPRESSIONS

TINY = shipped("training") / "tiny.yaml"
PICTURE = Picture(resize=92, crop=64)
LLAMA = Llama(width=160, mlp=384, layers=3, heads=2)
"""feab-tiny's, with half as many heads: vLLM's CPU kernels know heads of 80."""
VOCABULARY, READ_FIRST = 1300, 60
"""Tokens, and batches of lessons that they are learnt from."""
EPOCHS, STEPS, BATCH, RATE = 5, 800, 32, 1.5e-3
"""Of the eye; of the language model."""

CARD = """\
name: seke-reader
description: A small model of rendered faces that answers SEKE's questions, and errs; the annotator of a study
adapter: hf/.
access: open
licence: Apache-2.0
trained_on: [synth]
intended_use: generation/studies/real.py. What it says of photographs means nothing.
"""

Say = Callable[[str], None]


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


def make(out: Path, seed: int, say: Say) -> None:
    """Build and train the annotator in `out`."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    tiny = load_recipe(TINY)
    assert isinstance(tiny, ScratchRecipe)
    architecture = tiny.architecture.model_copy(update={"picture": PICTURE, "text": LLAMA})
    data = load_dataset("synth", "train")
    lessons = Lessons(data.ids, human_labels(data), fit_joint(load_knowledge()))
    torch.manual_seed(seed)
    processor = build_processor(architecture, ())
    first = islice(lessons.batches(BATCH, np.random.default_rng(seed)), READ_FIRST)
    texts = [text for some in first for one in some for text in (one.question, one.answer)]
    spell(processor, [*texts, *(f"{place * STEP:.2f}" for place in range(-20, 21))])
    model = build_model(architecture, processor.tokenizer)
    faces = load_faces(data, seen_by(build_image_processor(PICTURE)), None)
    say(f"{len(faces)} faces, {len(lessons.rows)} of them asked about; {len(processor.tokenizer)} tokens")
    tokens = learn_to_see(model, faces, tiny, seed, say)
    learn_to_answer(Speaker(model, processor), lessons, tokens, tiny, seed + 1, say)
    model.save_pretrained(out)
    processor.save_pretrained(out)
    (out / "card.yaml").write_text(CARD, encoding="utf-8")


def learn_to_see(model: Any, faces: Faces, tiny: ScratchRecipe, seed: int, say: Say) -> Any:
    """Train tower and connector; what they say of the faces as they are and in augmented views, (views + 1, n, width).

    Args:
        model: the whole.
        faces: with their labels.
        tiny: feab-tiny's recipe; its rates and views are taken.
        seed: of order and augmentation.
        say: told about progress.
    """
    eye, heads = make_eye(model), make_heads(LLAMA.width)

    def wrong(pixels: Any, rows: Any) -> Any:
        return loss_of(heads, eye(pixels), faces, rows)

    brief = tiny.vision.model_copy(update={"epochs": EPOCHS})
    fit([eye, heads], wrong, faces, brief, seed=seed, log=lambda told: say(f"eye: {told}"))
    return image_tokens(eye, faces, tiny.language.views, seed)


def learn_to_answer(speaker: Speaker, lessons: Lessons, tokens: Any, tiny: ScratchRecipe, seed: int, say: Say) -> None:
    """Train the language model on lessons, given what the eye says of their faces; the arguments are as above."""
    import torch

    rng = np.random.default_rng(seed)
    parameters = list(speaker.text.parameters())
    optimiser = torch.optim.AdamW(parameters, RATE, weight_decay=tiny.language.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=STEPS + 1, pct_start=tiny.language.warmup
    )
    missed: list[float] = []
    speaker.model.train()
    for step, some in enumerate(islice(lessons.batches(BATCH, rng), STEPS), 1):
        views = torch.from_numpy(rng.integers(len(tokens), size=len(some)))
        wrong = loss(speaker, some, tokens[views, torch.tensor([one.row for one in some])])
        wrong.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        schedule.step()
        missed.append(float(wrong.detach()))
        if step % 50 == 0:
            say(f"language: step {step} of {STEPS}, loss {np.mean(missed[-50:]):.3f}")
    speaker.model.eval()


def main() -> None:
    """Make the annotator."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the model's folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.process_time()

    def say(told: str) -> None:
        sys.stderr.write(f"{time.process_time() - started:7.1f} s of processor time  {told}\n")

    if (options.out / "card.yaml").exists():
        sys.exit(f"{options.out} already holds a model; name another --out")
    make(options.out, options.seed, say)
    say(f"made: {options.out}")


if __name__ == "__main__":
    main()
