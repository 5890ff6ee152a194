"""Learning to read faces into a vector: heads, masked losses and one training loop for any encoder.

The vision stage of a tiny model and the plain CNN that it is compared with run through the same loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feab.training.descent import descent
from feab.training.pictures import Faces, augment, batches, normalise
from feab.training.recipe import Schedule
from feab.vocabulary import EXPRESSIONS, FEAB_17

Log = Callable[[dict[str, Any]], None]

WEIGHTS = {"expression": 1.0, "va": 4.0, "presence": 4.0, "intensity": 8.0}
"""Of the four losses (our choice, so that each starts at about 1 to 3)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an encoder and its heads say of n faces, as float32 arrays."""

    expression: np.ndarray[Any, Any]
    """(n, 8) logits, columns EXPRESSIONS."""
    va: np.ndarray[Any, Any]
    """(n, 2) in [-1, 1]."""
    presence: np.ndarray[Any, Any]
    """(n, 17) logits, columns FEAB-17."""


def make_heads(width: int) -> Any:
    """Linear read-outs of a feature vector of `width`: RMS-normalised first, as a Llama block does with its input."""
    import torch

    sizes = {"expression": len(EXPRESSIONS), "va": 2, "presence": len(FEAB_17), "intensity": len(FEAB_17)}
    return torch.nn.ModuleDict(
        {"norm": torch.nn.RMSNorm(width)} | {name: torch.nn.Linear(width, size) for name, size in sizes.items()}
    )


def loss_of(heads: Any, features: Any, faces: Faces, rows: Any) -> Any:
    """Weighted sum of the four losses over whatever is labelled: cross-entropy, squared error, binary cross-entropy."""
    import torch

    functional = torch.nn.functional
    x = heads["norm"](features)
    expression, va = faces.expression[rows], faces.va[rows]
    presence, intensity = faces.presence[rows], faces.intensity[rows]
    wrong_class = functional.cross_entropy(
        heads["expression"](x), expression, ignore_index=-1, label_smoothing=0.05, reduction="sum"
    )
    wrong_unit = functional.binary_cross_entropy_with_logits(
        heads["presence"](x), presence.nan_to_num(), reduction="none"
    )
    losses = {
        "expression": wrong_class / (expression >= 0).sum().clamp(min=1),
        "va": _masked_mean((torch.tanh(heads["va"](x)) - va.nan_to_num()) ** 2, va),
        "presence": _masked_mean(wrong_unit, presence),
        "intensity": _masked_mean((heads["intensity"](x) - intensity.nan_to_num()) ** 2, intensity),
    }
    return sum(WEIGHTS[name] * value for name, value in losses.items())


def fit(
    modules: Sequence[Any],
    batch_loss: Callable[[Any, Any], Any],
    faces: Faces,
    stage: Schedule,
    *,
    seed: int,
    log: Log,
) -> None:
    """Train `modules` in place: AdamW with one learning-rate cycle over augmented, shuffled epochs.

    Args:
        modules: torch modules whose parameters are trained; left in evaluation mode.
        batch_loss: (float pixels (b, 3, s, s) in [-1, 1], row indices (b,)) -> loss.
        faces: what to learn from.
        stage: epochs, batch size, learning rate and the like.
        seed: of order and augmentation.
        log: called after every epoch.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    update = descent(
        [p for module in modules for p in module.parameters()],
        steps=stage.epochs * (len(faces) // stage.batch_size),
        rate=stage.learning_rate,
        weight_decay=stage.weight_decay,
        warmup=stage.warmup,
    )
    for module in modules:
        module.train()
    started = time.monotonic()
    for epoch in range(stage.epochs):
        losses = []
        for rows in batches(len(faces), stage.batch_size, generator):
            loss = batch_loss(augment(normalise(faces.pixels[rows]), generator, stage.erase), rows)
            losses.append(update(loss))
        log({"epoch": epoch + 1, "loss": float(np.mean(losses)), "seconds": time.monotonic() - started})
    for module in modules:
        module.eval()


def read(encode: Any, heads: Any, pixels: Any, *, batch_size: int = 128) -> Reading:
    """What a trained encoder says of uint8 pixels (n, 3, s, s)."""
    import torch

    parts: dict[str, list[Any]] = {"expression": [], "va": [], "presence": []}
    with torch.no_grad():
        for start in range(0, len(pixels), batch_size):
            x = heads["norm"](encode(normalise(pixels[start : start + batch_size])))
            parts["expression"].append(heads["expression"](x))
            parts["va"].append(torch.tanh(heads["va"](x)))
            parts["presence"].append(heads["presence"](x))
    arrays = {name: torch.cat(piece).float().numpy() for name, piece in parts.items()}
    return Reading(**arrays)


def _masked_mean(values: Any, labels: Any) -> Any:
    known = ~labels.isnan()
    return (values * known).sum() / known.sum().clamp(min=1)
