"""The fine-tuning of the study of the reference baseline: the language stage of feab-tiny, on a FEID folder.

Tower stays as it is, so that what it sees of each face is computed once for all arms and seeds; connector and language
model learn the answers and nothing else. All questions of a batch are one question, whose keys and values are computed
once. So an update takes a tenth of the time it takes TRL's trainer, which shares neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feab.data import Dataset
from feab.data.feid import open_feid
from feab.data.feid.record import text_of
from feab.training.language import Speaker, image_tokens
from feab.training.pictures import load_faces, seen_by

BATCH, RATE, DECAY, WARMUP = 32, 1.5e-3, 0.01, 0.05
VIEWS = 3
"""Augmented views of each picture, beside the picture itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tower says of each face: its number by id, and (views + 1, faces, width)."""

    place: Mapping[str, int]
    features: Any


def look(base: Path, pool: Dataset) -> Seen:
    """The tower's features of a dataset's faces, as they are and in augmented views."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(base).eval()
    faces = load_faces(pool, seen_by(AutoProcessor.from_pretrained(base).image_processor), None)

    def encode(pixels: Any) -> Any:
        return model.model.vision_tower(pixels).last_hidden_state[:, 0]

    with torch.no_grad():
        return Seen({sample: row for row, sample in enumerate(faces.ids)}, image_tokens(encode, faces, VIEWS, 0))


def conversations(feid: Path) -> dict[str, list[tuple[str, str]]]:
    """Question -> (face, answer) of each conversation that asks it, in stored order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for record in open_feid(feid):
        asked, said = record.messages
        found.setdefault(text_of(asked), []).append((record.sample, text_of(said)))
    return found


def fine_tune(
    base: Path, feid: Path, seen: Seen, out: Path, *, steps: int, seed: int, card: str, log: Callable[[str], None]
) -> Path:
    """Train a copy of the base on a FEID folder.

    Args:
        base: the model's folder.
        feid: what is learnt.
        seen: of the faces that it is about, by the base's tower.
        out: the folder to make.
        steps: updates.
        seed: of the order in which questions and faces come.
        card: card.yaml of the result.
        log: told about progress.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model, processor = AutoModelForImageTextToText.from_pretrained(base), AutoProcessor.from_pretrained(base)
    speaker, connector = Speaker(model, processor), model.model.multi_modal_projector
    asked = conversations(feid)
    rows = {
        question: (torch.tensor([seen.place[sample] for sample, _ in each]), [answer for _, answer in each])
        for question, each in asked.items()
    }
    parameters = [*speaker.text.parameters(), *connector.parameters()]
    optimiser = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=WARMUP)
    order = {question: _rounds(len(answers), rng) for question, (_, answers) in rows.items()}
    questions = list(rows)
    model.train()
    losses: list[float] = []
    for step in range(steps):
        question = questions[step % len(questions)]
        places, answers = rows[question]
        taken = [next(order[question]) for _ in range(BATCH)]
        views = torch.from_numpy(rng.integers(len(seen.features), size=BATCH))
        tokens = connector(seen.features[views, places[taken]][:, None])[:, 0]
        loss = speaker.loss(question, tokens, [answers[row] for row in taken])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) % 100 == 0:
            log(f"step {step + 1}: loss {np.mean(losses[-100:]):.3f}")
    model.eval()
    model.save_pretrained(out)
    processor.save_pretrained(out)
    (out / "card.yaml").write_text(card, encoding="utf-8")
    return out


def _rounds(n: int, rng: np.random.Generator) -> Any:
    """Numbers below n without end, each once a round."""
    while True:
        yield from rng.permutation(n).tolist()
