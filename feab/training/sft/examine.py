"""An examination: the model as it is now is asked about held-out faces, and scored as any run is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import feab.metrics as metrics
from feab.errors import FeabError
from feab.metrics import ClusterSums
from feab.schemas import Prediction, Scores
from feab.tasks.scoring import score_all, sums_all
from feab.training.asking import predictions_of
from feab.training.sft.heldout import HeldOut


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination found."""

    overall: float
    """Mean over the kinds of task that were asked of the chance-corrected primary, as feab's overall score is over all
    three; at most 1, 0 at chance."""
    scores: Scores

    @property
    def numbers(self) -> dict[str, float]:
        """For logs: overall, and each task's primary where it can be told, with its coverage."""
        found = {"overall": self.overall}
        for name, task in self.scores.tasks.items():
            value = task.metrics[task.primary].value
            found |= {} if value is None else {name: value, f"{name}_coverage": task.coverage}
        return found


def answers_to(
    model: Any, processor: Any, held: HeldOut, *, half: bool, share: int = 0, shares: int = 1
) -> list[Prediction]:
    """What a model in memory answers about held-out faces, or about every `shares`-th of them from `share` on.

    `half`: whether it is computed in bfloat16, as in training; its weights may be of both types.
    """
    import torch

    from feab.models.hf import around

    training = model.training
    model.eval()  # which also puts gradient checkpointing to rest
    asked = around(model, processor, "hf/under-training")
    try:
        with torch.autocast(model.device.type, torch.bfloat16, enabled=half):
            return [
                one for task in held.tasks for one in predictions_of(asked, task.questions(held.samples[share::shares]))
            ]
    finally:
        asked.close()
        model.train(training)


def examined(held: HeldOut, predictions: Sequence[Prediction]) -> Examined:
    """The scores of answers about held-out faces.

    Raises:
        FeabError: when the faces are too few for any score.
    """
    labels = {task.name: held.labels for task in held.tasks}
    scores = score_all(held.tasks, predictions, labels)
    value = overall_of(list(sums_all(held.tasks, predictions, labels).values()))
    if value is None:
        raise FeabError(
            f"validation: {len(held.samples)} faces of {held.name} are too few to score anything; ask about more"
        )
    return Examined(value, scores)


def overall_of(sums: Sequence[ClusterSums]) -> float | None:
    """The mean over kinds of chance-corrected primaries, of the kinds that can be scored; None where none can.

    With all three kinds it is `feab.metrics.overall`'s value. With fewer, feab gives no overall score; one number is
    needed to stop by, and this is our choice of it.
    """
    kinds: dict[str, list[float]] = {}
    for one in sums:
        value = float(metrics.chance_corrected(one)[0])
        if math.isfinite(value):
            kinds.setdefault(one.kind, []).append(value)
    means = [sum(values) / len(values) for values in kinds.values()]
    return sum(means) / len(means) if means else None
