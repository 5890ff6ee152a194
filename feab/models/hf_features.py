"""What the vision tower made of a face, kept for the next question about the same face.

For short answers the vision tower is the larger half of the work, and three tasks ask about each face. Kept features
are used only after the model was seen to write the same tokens with them as without, on a few questions: with features
of which one was made apart from the others, and once more with all of them used a second time. A model that does not,
or that cannot take them, is given the pixels every time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from feab.models.hf_caches import LruCache
from feab.models.hf_inputs import Fields, Prepared

FEATURE_BYTES = 256 * 1024 * 1024
_CHECKED_ROWS = 8
_PLAIN = {"last_hidden_state", "pooler_output", "hidden_states", "attentions"}


class FeatureKeeper:
    """Runs a batch with kept features where that is possible and proven, else with pixels."""

    def __init__(self, model: Any, cache_bytes: int = FEATURE_BYTES) -> None:
        self._model = model
        self._kept: LruCache[bytes, Any] = LruCache(cache_bytes, lambda features: int(features.nbytes))
        self._proven = False
        self._takes = _encoder_inputs(model)

    @property
    def proven(self) -> bool:
        """Whether kept features are in use."""
        return bool(self._takes) and self._proven

    def run(self, batch: Sequence[Prepared], inputs: Fields, generate: Callable[[Fields, int], Any]) -> Any:
        """The tokens of a batch, the vision tower run only on images that are new to it.

        `generate` gives the tokens for the inputs of the first so many questions of the batch.
        """
        if not self._possible(batch, inputs):
            return generate(inputs, len(batch))
        if not self._proven:
            if not self._agrees(batch, inputs, generate):
                self._takes = frozenset()
                return generate(inputs, len(batch))
            self._proven = True
        return generate(self._swapped(batch, inputs), len(batch))

    def _agrees(self, batch: Sequence[Prepared], inputs: Fields, generate: Callable[[Fields, int], Any]) -> bool:
        few = batch[:_CHECKED_ROWS]
        given = {name: tensor[: len(few)] for name, tensor in inputs.items()}
        plain = generate(given, len(few))
        try:
            self._swapped(few[:1], {name: tensor[:1] for name, tensor in given.items()})
            swapped = [generate(self._swapped(few, given), len(few)) for _ in range(2)]
        except Exception:  # whatever a model's code raises here, it only says that its features cannot be swapped in
            return False
        return all(plain.shape == one.shape and bool((plain == one).all()) for one in swapped)

    def _possible(self, batch: Sequence[Prepared], inputs: Fields) -> bool:
        given = [name for name in inputs if name in self._takes]
        return (
            "pixel_values" in given
            and all(len(one.images) == 1 for one in batch)
            # Where a tensor is not cut by question (Qwen's patches), one question's part cannot be left out.
            and all(tensor.shape[0] == len(batch) for tensor in inputs.values())
        )

    def _swapped(self, batch: Sequence[Prepared], inputs: Fields) -> Fields:
        """The inputs with features in the place of pixels. Raises when this model's features cannot be kept."""
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        found = {one.images[0]: self._kept.get(one.images[0]) for one in batch}
        new = {digest: i for i, one in enumerate(batch) if found[digest := one.images[0]] is None}
        if new:
            rows = torch.tensor(list(new.values()), device=inputs["input_ids"].device)
            pixels = {name: tensor[rows] for name, tensor in inputs.items() if name in self._takes}
            made = self._model.base_model.get_image_features(**pixels, return_dict=True)
            features = getattr(made, "pooler_output", None)
            if set(made.keys()) - _PLAIN or not isinstance(features, (list, tuple)) or len(features) != len(new):
                raise TypeError("features that do not come one by one")
            for digest, one in zip(new, features, strict=True):
                found[digest] = one.clone()  # of its own, or it would keep its whole batch alive
                self._kept.put(digest, found[digest])
        together = BaseModelOutputWithPooling(pooler_output=[found[one.images[0]] for one in batch])
        rest = {name: tensor for name, tensor in inputs.items() if name not in self._takes}
        return {**rest, "mm_encoder_outputs": {"image": together}}


def _encoder_inputs(model: Any) -> frozenset[str]:
    """What the vision tower takes; empty when this model (or this transformers) cannot be given its output."""
    encode = getattr(getattr(model, "base_model", None), "get_image_features", None)
    if encode is None or "mm_encoder_outputs" not in inspect.signature(model.forward).parameters:
        return frozenset()
    return frozenset(inspect.signature(encode).parameters) - {"kwargs", "return_dict"}
