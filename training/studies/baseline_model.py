"""The model that all arms of the study of the reference baseline begin from: it speaks, and cannot read a face.

Its tower learnt without labels to describe a picture's edges, as histograms of oriented gradients (Dalal & Triggs
2005; as a target of learning: MaskFeat, Wei et al. 2022). Its language model learnt the benchmark's forms from answers
that belong to other faces: how often each is given, and nothing of any one face.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from feab.data import Dataset, open_split
from feab.tasks import Task
from feab.training.language import Speaker, corpus, fit_language, image_tokens, truths
from feab.training.pictures import load_faces, normalise, seen_by
from feab.training.reading import fit
from feab.training.recipe import Picture, ScratchRecipe, load_recipe
from feab.training.tiny import build_image_processor, build_model, build_processor
from feab.training.tower import make_eye

NAME = "synth-baseline"
BASE = f"{NAME}-base"
TINY = Path(__file__).resolve().parent.parent / "tiny.yaml"
PICTURE = Picture(resize=92, crop=64)
"""Half of feab-tiny's: a fine-tuning has three minutes."""
CELL, ANGLES, KEPT = 8, 8, 160
"""Pixels a side of a histogram's cell, its bins, and principal components that the tower learns to tell."""

CARD = f"""\
name: {BASE}
description: Speaks the forms of feab's questions about rendered faces and cannot read a face
adapter: hf/.
access: open
licence: Apache-2.0
trained_on: [synth]
intended_use: Where the arms of training/studies/baseline.py begin. It says nothing about any face.
"""


def gradients(pixels: Any) -> Any:
    """Histograms of oriented gradients, (b, cells · ANGLES): pixels (b, 3, s, s) in [-1, 1] -> square roots of shares.

    Each cell's histogram is divided by its length, and by a constant that keeps plain skin from looking like edges.
    """
    import torch

    grey = pixels.mean(1)
    down, right = torch.zeros_like(grey), torch.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    right[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    size = torch.hypot(down, right)
    turn = torch.atan2(down, right) / (2 * torch.pi) % 1
    bins = (turn * ANGLES).long().clamp(max=ANGLES - 1)
    of_bins = torch.stack([torch.where(bins == k, size, 0) for k in range(ANGLES)], 1)
    cells = torch.nn.functional.avg_pool2d(of_bins, CELL) * CELL**2
    return (cells / (cells.norm(dim=1, keepdim=True) + 0.4)).sqrt().flatten(1)


def make_base(
    out: Path, whole: Dataset, tasks: Sequence[Task], epochs: int, steps: int, say: Callable[..., None]
) -> Path:
    """Build and train the base in `out / BASE`, unless it is there.

    Args:
        out: of the study; its `gold` holds the faces whose answers are dealt to others.
        whole: the train split, whose pictures the tower learns from.
        tasks: the questions.
        epochs: of the tower.
        steps: of the language model.
        say: told about progress.
    """
    import torch

    folder = out / BASE
    if (folder / "card.yaml").exists():
        return folder
    recipe = load_recipe(TINY)
    assert isinstance(recipe, ScratchRecipe)
    architecture = recipe.architecture.model_copy(update={"picture": PICTURE})
    see = seen_by(build_image_processor(architecture.picture))
    faces, known = load_faces(whole, see, None), load_faces(open_split(out / "gold", "train"), see, None)
    torch.manual_seed(0)
    processor = build_processor(architecture, corpus(tasks, truths(known), known.ids))
    model = build_model(architecture, processor.tokenizer)
    eye, tell = make_eye(model), torch.nn.Linear(architecture.text.width, KEPT)
    described = gradients(normalise(faces.pixels))
    middle = described.mean(0)
    spread, axes = torch.linalg.eigh(torch.cov((described - middle).T))
    whiten = axes[:, -KEPT:] / spread[-KEPT:].sqrt()
    norm = torch.nn.RMSNorm(architecture.text.width, elementwise_affine=False)

    def wrong(pixels: Any, rows: Any) -> Any:
        return torch.nn.functional.mse_loss(tell(norm(eye(pixels))), (gradients(pixels) - middle) @ whiten)

    stage = recipe.vision.model_copy(update={"epochs": epochs})
    fit([eye, tell], wrong, faces, stage, seed=0, log=lambda event: say(f"base, tower: {event}"))
    others = known.take(torch.randperm(len(known), generator=torch.Generator().manual_seed(0)))
    tokens = image_tokens(eye, known, recipe.language.views, 0)
    language = recipe.language.model_copy(update={"steps": steps, "batch_size": 32, "prompts": {"direct": 1.0}})
    speaker = Speaker(model, processor)
    fit_language(speaker, tasks, others, tokens, language, seed=0, log=lambda event: say(f"base, language: {event}"))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "card.yaml").write_text(CARD, encoding="utf-8")
    return folder
