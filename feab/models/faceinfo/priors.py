"""From the pictures of a question to what the module takes of them, each face read once and kept in memory only."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from feab.models.faceinfo.config import FaceInfo
from feab.models.faceinfo.reading import Floats, Layout, row_of
from feab.models.hf_caches import LruCache
from feab.models.images import decode
from feab.records import Message, Text

if TYPE_CHECKING:
    from feab.models.faceinfo.networks import FaceNetwork

ROWS, QUESTION = "face_rows", "face_question"
"""The inputs of a model with the module: (conversations, frames, numbers) float32, and (conversations, 1, words) token
ids, -1 where there are none."""

KEPT_BYTES = 1024**3
"""Readings that are kept. They are biometric data of whoever is shown: never written to disk."""


class Faces:
    """Reads faces with a network, and keeps what it read while it lives."""

    def __init__(self, network: FaceNetwork, info: FaceInfo) -> None:
        self._network = network
        self._info = info
        self._kept: LruCache[bytes, Floats] = LruCache(KEPT_BYTES, lambda row: int(row.nbytes))
        self._turn = threading.Lock()
        """Face networks take one picture at a time."""

    @property
    def layout(self) -> Layout:
        """Of the face network."""
        return self._network.layout

    @property
    def digest(self) -> str:
        """sha256 of the face network's weights."""
        return self._network.digest

    def row(self, data: bytes) -> Floats:
        """The reading of a stored picture; see `row_of`.

        Raises:
            ImageError: when it cannot be decoded.
        """
        name = hashlib.blake2b(data, digest_size=16).digest()
        row = self._kept.get(name)
        if row is None:
            picture = decode(data)
            with self._turn:
                found = self._network(np.asarray(picture))
            row = row_of(found, self.layout, picture, self.crop)
            self._kept.put(name, row)
        return row

    @property
    def crop(self) -> int:
        """Pixels a side of the squares that the local branch sees; 0 for none."""
        return self._info.crop if self._info.kind == "mining" else 0

    def fields(
        self, pictures: Sequence[bytes], text: str, tokenizer: Any, *, frames: int | None = None
    ) -> dict[str, Any]:
        """What a model with the module is given for one conversation beside its other inputs; nothing without pictures.

        Args:
            pictures: as they are stored, in their order.
            text: what is asked about them.
            tokenizer: the model's own.
            frames: as many readings are given, those missing all zero.
        """
        import torch

        if not pictures:
            return {}
        rows = np.zeros((max(len(pictures), frames or 0), self.layout.width(self.crop)), np.float32)
        for place, data in enumerate(pictures):
            rows[place] = self.row(data)
        words = torch.full((1, 1, max(1, self._info.question_tokens)), -1)
        if self._info.question_tokens:
            said = tokenizer(text, add_special_tokens=False)["input_ids"][: self._info.question_tokens]
            words[0, 0, : len(said)] = torch.tensor(said, dtype=words.dtype)
        return {ROWS: torch.from_numpy(rows)[None], QUESTION: words}

    def close(self) -> None:
        """Let go of the network and of all readings."""
        self._kept = LruCache(0)
        self._network.close()


def asked(messages: Sequence[Message]) -> str:
    """What a conversation asks first: the words that the clue aggregator is given, in training and afterwards."""
    first = next((message for message in messages if message.role == "user"), None)
    return "" if first is None else " ".join(part.text for part in first.parts if isinstance(part, Text))
