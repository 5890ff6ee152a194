"""Log-probabilities of given tokens from a transformers model: from a prompt's repeated cache, or whole sequences."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from feab.models.hf_generate import BatchSize
from feab.models.hf_inputs import Fields, to_model
from feab.models.hf_load import quiet
from feab.models.hf_memory import is_out_of_memory
from feab.models.hf_spelling import Ids

TOLERANCE = 1e-3
"""Largest difference between log-probabilities with and without a cache, in float32 (our choice)."""

LOOSE = 0.25
"""The same in half precision, where sums in another order differ by as much (our choice)."""

_CHECKED_ITEMS = 2
"""Items of the first batch that go through the model both ways."""


@dataclass(frozen=True, slots=True)
class Target:
    """An option whose log-probability is wanted, and where it is to be read."""

    place: int
    """Which of the question's closed questions it belongs to."""
    option: Ids
    row: int
    at: int
    """Place in the row of the token that comes before the option."""


@dataclass(frozen=True, slots=True)
class Item:
    """Closed questions of one question that share a prefix with all its images, ready for the model."""

    number: int
    """Whose they are: the question's place among those worked on."""
    fields: Fields
    """The model's inputs for the first of them, of which the first `prefix` tokens are those of all."""
    prefix: int
    rows: tuple[Ids, ...]
    """What follows the prefix: the rest of a prompt, at least one token, and all of an option but its last token."""
    targets: tuple[Target, ...]
    """In the order of their rows."""

    @property
    def images(self) -> tuple[Hashable, ...]:
        """Names and shapes of what comes from its images."""
        return tuple(sorted((name, tuple(one.shape)) for name, one in self.fields.items() if not self.is_text(name)))

    @property
    def shape(self) -> tuple[Hashable, ...]:
        """Items of one shape can share a batch: what is padded comes after the tokens that count."""
        return (self.prefix, len(self.rows), self.images)

    def is_text(self, name: str) -> bool:
        """Whether an input has one value a token."""
        return bool(self.fields[name].shape == self.fields["input_ids"].shape)


class Passes:
    """Runs items of one shape through a loaded model.

    A prompt's prefix goes through once and its key-value cache is repeated for the rows, where that was seen to give
    the log-probabilities of whole sequences without a cache, on the first batch whose images have the same shape. A
    model with which it does not, or cannot, is given whole sequences. Never more rows than `size` says go through at
    once.
    """

    def __init__(self, model: Any, size: BatchSize, verbose: bool) -> None:
        self._model = model
        self._size = size
        self._verbose = verbose
        self._shared: dict[Hashable, bool] = {}
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters
        exact = str(model.dtype) in ("torch.float32", "torch.float64")
        self._tolerance = TOLERANCE if exact else LOOSE

    @property
    def repeats_cache(self) -> bool | None:
        """Whether rows shared their prefix's cache in all batches so far; None before the first."""
        return all(self._shared.values()) if self._shared else None

    def logprobs(self, items: Sequence[Item]) -> list[list[float]]:
        """For each item the log-probability of each of its targets: the sum over the option's tokens.

        Raises:
            Exception: whatever the model raises, running out of memory among it.
        """
        import torch

        with torch.inference_mode(), quiet(self._verbose):
            images = items[0].images
            if images not in self._shared:
                self._shared[images] = self._agree(items[:_CHECKED_ITEMS])
            return self.from_cache(items) if self._shared[images] else self.from_whole(items)

    def _agree(self, items: Sequence[Item]) -> bool:
        whole = self.from_whole(items)
        try:
            cached = self.from_cache(items)
        except Exception as error:  # whatever a model's code raises here, it says that its cache cannot be repeated
            if is_out_of_memory(error):
                raise
            return False
        pairs = [pair for one, other in zip(whole, cached, strict=True) for pair in zip(one, other, strict=True)]
        return all(abs(one - other) <= self._tolerance for one, other in pairs)

    def from_cache(self, items: Sequence[Item]) -> list[list[float]]:
        """The prefix once, then all rows from its repeated cache."""
        import torch

        prefix, rows = items[0].prefix, len(items[0].rows)
        inputs = {
            name: to_model(name, torch.cat([_cut(one, name, prefix) for one in items]), self._model)
            for name in items[0].fields
        }
        cache = self._model(**inputs, use_cache=True, **self._keep(1)).past_key_values
        found: list[list[float]] = [[] for _ in items]
        for part in self._parts(rows, len(items)):
            # Running the rows lengthens a cache, and repeating widens it: all but the last have a copy of their own.
            mine = cache if part.stop == rows else copy.deepcopy(cache)
            mine.batch_repeat_interleave(part.stop - part.start)
            ids = self._padded([row for one in items for row in one.rows[part]])
            seen = torch.ones((len(ids), prefix + ids.shape[1]), dtype=torch.long, device=ids.device)
            begin = _begin(items, part)
            keep = self._keep(ids.shape[1] - begin)
            logits = self._model(
                input_ids=ids, attention_mask=seen, past_key_values=mine, use_cache=True, **keep
            ).logits
            for all_of_one, some in zip(
                found, _read(logits if keep else logits[:, begin:], items, part, begin), strict=True
            ):
                all_of_one += some
        return found

    def from_whole(self, items: Sequence[Item]) -> list[list[float]]:
        """Each row with its whole prompt and images, without a cache."""
        import torch

        found: list[list[float]] = []
        for item in items:  # one at a time: the images are repeated for every row
            start = item.fields["input_ids"][0, : item.prefix].tolist()
            found.append([])
            for part in self._parts(len(item.rows), 1):
                ids = self._padded([(*start, *row) for row in item.rows[part]])
                inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
                for name, tensor in item.fields.items():
                    if name in inputs:
                        continue
                    if item.is_text(name):  # what follows the prefix is text, as the prefix's last token is
                        more = tensor[:, item.prefix - 1 : item.prefix].expand(1, ids.shape[1] - item.prefix)
                        tensor = torch.cat([tensor[:, : item.prefix], more], dim=1)
                    inputs[name] = to_model(name, torch.cat([tensor] * len(ids)), self._model)
                begin = _begin([item], part)
                keep = self._keep(ids.shape[1] - item.prefix - begin)
                logits = self._model(**inputs, use_cache=False, **keep).logits
                found[-1] += _read(logits if keep else logits[:, item.prefix + begin :], [item], part, begin)[0]
        return found

    def _parts(self, rows: int, items: int) -> list[slice]:
        """Rows of each item that go through the model at once."""
        most = max(1, self._size.value // items)
        return [slice(start, min(start + most, rows)) for start in range(0, rows, most)]

    def _keep(self, last: int) -> dict[str, int]:
        """Only the scores of the last tokens, where the model can be told: a prompt's would fill gigabytes."""
        return {"logits_to_keep": last} if self._keeps else {}

    def _padded(self, rows: Sequence[Ids]) -> Any:
        """Rows side by side, padded on the right: no token that counts ever looks at what comes after it."""
        import torch

        longest = max(map(len, rows))
        return torch.tensor([[*row, *[row[-1]] * (longest - len(row))] for row in rows], device=self._model.device)


def _begin(items: Sequence[Item], part: slice) -> int:
    """The first place in some rows of which the scores are wanted."""
    return min(target.at for one in items for target in one.targets if part.start <= target.row < part.stop)


def _cut(item: Item, name: str, prefix: int) -> Any:
    tensor = item.fields[name]
    return tensor[:, :prefix] if item.is_text(name) else tensor


def _read(logits: Any, items: Sequence[Item], part: slice, begin: int) -> list[list[float]]:
    """Sums of the log-probabilities of the targets in some rows of each item.

    `begin` is the place in the rows of the first scores given.
    """
    import torch

    scores = logits.float()
    total = torch.logsumexp(scores, dim=-1)
    found: list[list[float]] = []
    first = 0
    for item in items:
        found.append([])
        for target in item.targets:
            if not part.start <= target.row < part.stop:
                continue
            row, start = first + target.row - part.start, target.at - begin
            places = torch.arange(start, start + len(target.option), device=scores.device)
            tokens = torch.tensor(target.option, device=scores.device)
            found[-1].append(float((scores[row, places, tokens] - total[row, places]).sum()))
        first += part.stop - part.start
    return found
