"""The update that all trainings of feab's own share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

CLIP = 1.0
"""Largest norm of the gradient (our choice)."""


def descent(
    parameters: Iterable[Any], *, steps: int, rate: float, weight_decay: float, warmup: float
) -> Callable[[Any], float]:
    """A function that makes one update and returns the loss it was given: AdamW with one learning-rate cycle.

    Args:
        parameters: torch parameters, changed in place.
        steps: updates that will be made.
        rate: the highest learning rate.
        weight_decay: AdamW's.
        warmup: share of the steps in which the learning rate rises.
    """
    import torch

    learnt = list(parameters)
    optimiser = torch.optim.AdamW(learnt, rate, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=warmup)

    def update(loss: Any) -> float:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learnt, CLIP)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        schedule.step()
        return float(loss.detach())

    return update
