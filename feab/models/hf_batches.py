"""Which prepared questions share a batch: like ones, so that none waits for another's longer answer."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence

from feab.models.hf_inputs import Prepared
from feab.records import Question

HELD_BATCHES = 4
"""Prepared questions wait for others of their shape, up to this many batches of images; then the fullest shape goes."""
HELD_PROMPTS = 32
"""The same for the questions themselves: several tasks with several prompts ask about each image, and share it."""


class Held:
    """Prepared questions waiting for others of their shape. Which ones share a batch depends on their order only."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, list[Prepared]] = OrderedDict()
        self._rows: Counter[Hashable] = Counter()
        self._about: dict[tuple[bytes, ...], list[Prepared]] = {}

    def add(self, prepared: Prepared) -> None:
        """Let one more wait."""
        self._waiting.setdefault(prepared.shape, []).append(prepared)
        self._rows[prepared.shape] += rows_of(prepared.question)
        self._about.setdefault(prepared.images, []).append(prepared)

    def about(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """What is still waiting about the images of a batch that was taken."""
        return [other for images in {one.images for one in batch} for other in self._about.get(images, ())]

    def due(self, size: int) -> list[Prepared]:
        """A full batch; or the fullest shape when too much is waiting; or nothing."""
        full = next((shape for shape in self._waiting if self._rows[shape] >= size), None)
        if full is not None:
            return self._take(full, size)
        crowded = self._rows.total() > HELD_PROMPTS * size or len(self._about) > HELD_BATCHES * size
        return self.fullest(size) if crowded else []

    def fullest(self, size: int) -> list[Prepared]:
        """The shape with the most waiting (the oldest of equals); nothing when nothing waits."""
        if not self._waiting:
            return []
        return self._take(max(self._waiting, key=lambda shape: len(self._waiting[shape])), size)

    def _take(self, shape: Hashable, size: int) -> list[Prepared]:
        waiting = self._waiting.pop(shape)
        taken, rows = 0, 0
        while taken < len(waiting) and (taken == 0 or rows + rows_of(waiting[taken].question) <= size):
            rows += rows_of(waiting[taken].question)
            taken += 1
        if taken < len(waiting):
            self._waiting[shape] = waiting[taken:]
        self._rows[shape] -= rows
        self._rows += Counter()  # drops shapes of which nothing waits
        for one in waiting[:taken]:
            rest = [other for other in self._about.pop(one.images) if other is not one]
            if rest:
                self._about[one.images] = rest
        return waiting[:taken]


def rows_of(question: Question) -> int:
    """Greedy draws are all the same: one row stands for them."""
    return 1 if question.sampling.temperature == 0 else question.n
