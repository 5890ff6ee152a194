"""The fine-tuning of the study of the reference baseline: feab-tiny's two stages, on the labels and words of a FEID.

First the connector learns, with linear heads that are thrown away, the labels that the conversations rest on; then
connector and language model learn the answers. The tower stays as it is, so that what it sees of each face is computed
once for all arms and seeds; all questions of a batch are one question, whose keys and values are computed once. So an
update takes a tenth of the time it takes TRL's trainer, which shares neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feab.data import Dataset
from feab.data.feid import FeidRecord, open_feid
from feab.data.feid.record import FeidLabels, text_of
from feab.training.descent import descent
from feab.training.language import Speaker, image_tokens
from feab.training.pictures import Faces, load_faces, seen_by
from feab.training.reading import loss_of, make_heads
from feab.vocabulary import EXPRESSIONS, FEAB_17

VIEWS = 3
"""Augmented views of each picture, beside the picture itself."""
READING = {"steps": 2000, "batch": 128, "rate": 1e-3, "decay": 0.05}
SPEAKING = {"steps": 800, "batch": 32, "rate": 1.5e-3, "decay": 0.01}
"""Of the two stages; chosen on the validation split."""
OF_PEOPLE = 0.5
"""Share of each batch that is of faces which people labelled, where an arm has others' labels as well: as weights of
sources in `feab train`. Without, the labels of 20 people would drown. Our choice."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tower says of each face: its number by id, and (views + 1, faces, width)."""

    place: Mapping[str, int]
    features: Any


def look(base: Path, pool: Dataset, kept: Path) -> Seen:
    """The tower's features of a dataset's faces, as they are and in augmented views; `kept` is where they lie."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    place = {sample: row for row, sample in enumerate(pool.ids)}
    if kept.exists():
        return Seen(place, torch.load(kept, weights_only=True))
    model = AutoModelForImageTextToText.from_pretrained(base).eval()
    faces = load_faces(pool, seen_by(AutoProcessor.from_pretrained(base).image_processor), None)

    def encode(pixels: Any) -> Any:
        return model.model.vision_tower(pixels).last_hidden_state[:, 0]

    seen = Seen(place, image_tokens(encode, faces, VIEWS, 0))
    torch.save(seen.features, kept)
    return seen


Answered = list[tuple[str, str]]
"""Faces and answers."""


def of_people(labels: FeidLabels) -> bool:
    """Whether a face was labelled by people."""
    return "human" in labels.origins.values()


def conversations(records: Sequence[FeidRecord]) -> dict[str, Answered]:
    """Question -> (face, answer) of each conversation that asks it, in stored order."""
    found: dict[str, Answered] = {}
    for record in records:
        asked, said = record.messages
        found.setdefault(text_of(asked), []).append((record.sample, text_of(said)))
    return found


def batches(first: Sequence[bool], size: int, share: float | None, rng: np.random.Generator) -> Iterator[list[int]]:
    """Numbers of items without end, `size` at a time.

    Args:
        first: of each item whether it is of the first kind.
        size: of a batch.
        share: of each batch that is of the first kind, each kind once a round; None: all once a round.
        rng: shuffles each round.
    """
    mine, others = ([number for number, one in enumerate(first) if one == kind] for kind in (True, False))
    if share is None or not mine or not others:
        parts = [(_rounds(range(len(first)), rng), size)]
    else:
        parts = [(_rounds(mine, rng), round(size * share)), (_rounds(others, rng), size - round(size * share))]
    while True:
        yield [next(order) for order, count in parts for _ in range(count)]


def targets(labels: Mapping[str, FeidLabels]) -> Faces:
    """The labels of faces as targets of learning, without pixels."""
    import torch

    known = list(labels.values())
    missing = [float("nan")] * 2
    return Faces(
        ids=tuple(labels),
        pixels=None,
        expression=torch.tensor([EXPRESSIONS.index(one.expression) if one.expression else -1 for one in known]),
        va=torch.tensor([list(one.valence_arousal or missing) for one in known]),
        presence=torch.tensor(
            [
                [float(au in (one.action_units or ())) if au in one.coded else float("nan") for au in FEAB_17]
                for one in known
            ]
        ),
        intensity=torch.full((len(known), len(FEAB_17)), float("nan")),
    )


def learn(
    parameters: Sequence[Any], losses: Iterator[Any], stage: Mapping[str, float], log: Callable[[str], None]
) -> None:
    """AdamW with one learning-rate cycle over the losses of a stage's steps."""
    steps = int(stage["steps"])
    update = descent(parameters, steps=steps, rate=stage["rate"], weight_decay=stage["decay"], warmup=0.05)
    told: list[float] = []
    for step in range(1, steps + 1):
        told.append(update(next(losses)))
        if step % 200 == 0:
            log(f"step {step} of {steps}: loss {np.mean(told[-200:]):.3f}")


def reading_losses(
    connector: Any, heads: Any, faces: Faces, features: Any, order: Iterator[list[int]], rng: np.random.Generator
) -> Iterator[Any]:
    """Of batches of faces, (views + 1, faces, width), what linear heads miss of the labels."""
    import torch

    for numbers in order:
        rows = torch.tensor(numbers)
        views = torch.from_numpy(rng.integers(len(features), size=len(rows)))
        yield loss_of(heads, connector(features[views, rows][:, None])[:, 0], faces, rows)


def speaking_losses(
    speaker: Speaker,
    connector: Any,
    asked: Mapping[str, tuple[Answered, Iterator[list[int]]]],
    seen: Seen,
    rng: np.random.Generator,
) -> Iterator[Any]:
    """Of batches of answers, the questions in turn, what the language model misses of them."""
    import torch

    while True:
        for question, (each, order) in asked.items():
            taken = [each[number] for number in next(order)]
            rows = torch.tensor([seen.place[sample] for sample, _ in taken])
            views = torch.from_numpy(rng.integers(len(seen.features), size=len(rows)))
            tokens = connector(seen.features[views, rows][:, None])[:, 0]
            yield speaker.loss(question, tokens, [answer for _, answer in taken])


def fine_tune(
    base: Path,
    feid: Path,
    seen: Seen,
    out: Path,
    *,
    seed: int,
    card: str,
    share: float | None,
    log: Callable[[str], None],
) -> Path:
    """Train a copy of the base on a FEID folder.

    Args:
        base: the model's folder.
        feid: what is learnt.
        seen: of the faces that it is about, by the base's tower.
        out: the folder to make.
        seed: of the order in which questions and faces come.
        card: card.yaml of the result.
        share: of each batch that is of faces which people labelled; None: as many as there are.
        log: told about progress.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model, processor = AutoModelForImageTextToText.from_pretrained(base), AutoProcessor.from_pretrained(base)
    speaker, connector = Speaker(model, processor), model.model.multi_modal_projector
    records = list(open_feid(feid))
    labels = {record.sample: record.labels for record in records}
    faces, people = targets(labels), {sample: of_people(one) for sample, one in labels.items()}
    features = seen.features[:, [seen.place[sample] for sample in faces.ids]]
    heads = make_heads(model.config.text_config.hidden_size)
    model.train()
    order = batches([people[sample] for sample in faces.ids], int(READING["batch"]), share, rng)
    losses = reading_losses(connector, heads, faces, features, order, rng)
    learn([*connector.parameters(), *heads.parameters()], losses, READING, log)
    asked = {
        question: (each, batches([people[sample] for sample, _ in each], int(SPEAKING["batch"]), share, rng))
        for question, each in conversations(records).items()
    }
    losses = speaking_losses(speaker, connector, asked, seen, rng)
    learn([*connector.parameters(), *speaker.text.parameters()], losses, SPEAKING, log)
    model.eval()
    model.save_pretrained(out)
    processor.save_pretrained(out)
    (out / "card.yaml").write_text(card, encoding="utf-8")
    return out


def _rounds(numbers: Sequence[int], rng: np.random.Generator) -> Iterator[int]:
    """The numbers without end, each once a round."""
    while True:
        yield from rng.permutation(numbers).tolist()
