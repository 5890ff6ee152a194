"""Where TRL has no kernels: the vocabulary is gone through for answers alone, not for each token of the question."""

from __future__ import annotations

import functools
import types
from typing import Any


def score_answers_only(model: Any) -> None:
    """Let a model that TRL prepared weigh its vocabulary only where something is learnt.

    With Triton TRL leaves out what carries no label. Without it every token of question and picture is weighed against
    the whole vocabulary, and again on the way back: for a small model with short answers half of all work. The loss
    is the same.

    Args:
        model: a transformers model, after `SFTTrainer` gave its `forward` the argument `fused_lm_head`.
    """
    inner = model.forward

    @functools.wraps(type(model).forward)  # `generate` goes by its signature
    def forward(self: Any, *args: Any, **given: Any) -> Any:
        labels = given.get("labels")
        if not given.get("fused_lm_head") or labels is None or given.get("shift_labels") is not None:
            return inner(*args, **given)
        following = labels[:, 1:]  # each token foretells the next
        learnt = following != -100
        if not bool(learnt.any()):
            return inner(*args, **given)

        def keep(module: Any, args: Any, output: Any) -> Any:
            output.last_hidden_state = output.last_hidden_state[:, :-1][learnt][None]
            return output

        hook = self.base_model.register_forward_hook(keep)
        try:
            return inner(*args, **{**given, "labels": None, "shift_labels": following[learnt][None]})
        finally:
            hook.remove()

    model.forward = types.MethodType(forward, model)
