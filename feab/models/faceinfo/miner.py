"""Face Info Mining: from face readings and a question to a few tokens, and the gates by which layers read them.

The parts are those that EMO-LLaMA's abstract names (Xing et al. 2024): a global and a local branch, and a clue
aggregator in the manner of a Q-Former (Li et al. 2023, BLIP-2): learned queries that look at each other and at the
question, then at the face. Sizes, order of the sublayers, how frames are told apart, and that the branches' own tokens
stand beside the clues are our choice; the paper's are not published. Layers read the tokens through zero-initialised
gates, as in LLaMA-Adapter (Zhang et al. 2023): keys and values beside those of the picture's and the text's tokens,
with a softmax of their own. At first every gate is shut.

This file imports torch; import it inside the function that needs it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from feab.models.faceinfo.config import FaceInfo
from feab.models.faceinfo.reading import REGIONS, Layout

_STEEP = 10.0
"""A gate opens by tanh of so many times its weight: at rates that suit an adapter it opened too slowly (our choice)."""
_LEAST_SPREAD = 1e-4
"""A number that varies less than this from face to face says nothing, and is not blown up."""


class FaceInfoModule(nn.Module):  # type: ignore[misc]
    """Readings in (`clues`), tokens out, and what each reading layer adds to its input (`added`).

    Args:
        info: its sizes.
        layout: of the face network whose readings it takes.
        hidden: width of the language model.
        reads: how many of its layers read the tokens.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, info: FaceInfo, layout: Layout, *, hidden: int, reads: int) -> None:
        super().__init__()
        self._numbers = layout.numbers
        self.register_buffer("mean", torch.zeros(layout.numbers))
        self.register_buffer("spread", torch.ones(layout.numbers))
        self.maker = _Mining(info, layout, hidden) if info.kind == "mining" else _PriorToken(info, layout)
        self.gates = nn.ModuleList(_Gate(hidden, info.width, info.heads) for _ in range(reads))

    def fit(self, rows: Tensor) -> None:
        """Take over mean and spread of the faces that are learnt from: (faces, numbers), those found."""
        known = rows[rows[:, 0] > 0, : self._numbers].double()
        if len(known) > 1:
            self.mean.copy_(known.mean(0))
            spread = known.std(0)
            self.spread.copy_(torch.where(spread < _LEAST_SPREAD, torch.ones_like(spread), spread))

    def clues(self, rows: Tensor, question: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens of each conversation, (conversations, tokens, width), and whether there is a face at all.

        Args:
            rows: (conversations, frames, numbers) readings; all zero for a frame without a face, or none.
            question: (conversations, words, hidden) embeddings of what is asked.
            known: (conversations, words) which of the words are some.
        """
        rows = rows.to(self.mean.dtype)
        there = rows[..., 0] > 0
        count = self._numbers
        level = (rows[..., :count] - self.mean) / self.spread * there[..., None]
        return self.maker(level, rows[..., count:], there, question, known), there.any(1)

    def added(self, hidden: Tensor, tokens: Tensor, there: Tensor, number: int) -> Tensor:
        """What layer `number` of those that read adds to its input, in its precision: nothing where no face is.

        Args:
            hidden: (conversations, places, hidden).
            tokens: (conversations, tokens, width).
            there: (conversations,).
            number: counted from 0.
        """
        found: Tensor = self.gates[number](hidden, tokens)
        return torch.where(there[:, None, None], found, torch.zeros_like(found)).to(hidden.dtype)


class _PriorToken(nn.Module):  # type: ignore[misc]
    """EmoLA's prior (Li et al. 2024): the landmarks through two linear layers with a GELU, as one token a picture."""

    def __init__(self, info: FaceInfo, layout: Layout) -> None:
        super().__init__()
        self._points = layout.points
        size = self._points.stop - self._points.start
        self.project = nn.Sequential(nn.Linear(size, info.width), nn.GELU(), nn.Linear(info.width, info.width))

    def forward(self, level: Tensor, crops: Tensor, there: Tensor, question: Tensor, known: Tensor) -> Tensor:
        """The mean token of the frames with a face: (conversations, 1, width)."""
        tokens = self.project(level[..., self._points]) * there[..., None]
        return tokens.sum(1, keepdim=True) / there.sum(1).clamp(min=1)[:, None, None]


class _Mining(nn.Module):  # type: ignore[misc]
    """Global and local branch, and the clue aggregator."""

    def __init__(self, info: FaceInfo, layout: Layout, hidden: int) -> None:
        super().__init__()
        width = info.width
        self._columns = [list(layout.global_columns), *(list(layout.columns_of(region)) for region in REGIONS)]
        self._crop = info.crop
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Linear(len(columns), width), nn.GELU(), nn.Linear(width, width))
            for columns in self._columns
        )
        self.part = nn.Parameter(torch.randn(len(self._columns), width) * 0.02)
        self.look = _Look(info.crop, width) if info.crop else None
        self.words = nn.Linear(hidden, width) if info.question_tokens else None
        self.queries = nn.Parameter(torch.randn(info.queries, width) * 0.5)
        self.layers = nn.ModuleList(_Aggregating(width, info.heads) for _ in range(info.depth))
        self.final = nn.LayerNorm(width)

    def forward(self, level: Tensor, crops: Tensor, there: Tensor, question: Tensor, known: Tensor) -> Tensor:
        """The clues, and beside them the face and its parts as they are: (conversations, queries + 6, width)."""
        batch, frames = there.shape
        parts = [branch(level[..., columns]) for branch, columns in zip(self.branches, self._columns, strict=True)]
        face = torch.stack(parts, 2)  # (conversations, frames, parts, width)
        if self.look is not None:
            seen = self.look(crops.reshape(-1, 1, self._crop, self._crop))
            seen = seen.reshape(batch, frames, len(REGIONS), -1)
            face = torch.cat([face[:, :, :1], face[:, :, 1:] + seen], 2)
        face = face + self.part
        mean = (face * there[..., None, None]).sum(1) / there.sum(1).clamp(min=1)[:, None, None]
        face = face + _places(frames, face.shape[-1], face)[None, :, None]
        face = face.flatten(1, 2)
        hidden = there.repeat_interleave(len(self._columns), 1).logical_not()
        hidden = hidden & there.any(1, keepdim=True)  # of no face, zeros are looked at: a softmax needs something
        queries = self.queries.expand(batch, -1, -1)
        count = queries.shape[1]
        if self.words is not None:
            asked = self.words(question.to(queries.dtype)) + _places(question.shape[1], queries.shape[-1], queries)
            queries = torch.cat([queries, asked], 1)
        silent = torch.zeros((batch, queries.shape[1]), dtype=torch.bool, device=queries.device)
        if self.words is not None:
            silent[:, count:] = known.logical_not()
        for layer in self.layers:
            queries = layer(queries, silent, face, hidden, count)
        # The short way, which is learnt first: aggregating begins from nothing.
        return torch.cat([mean, self.final(queries[:, :count])], 1)


class _Look(nn.Module):  # type: ignore[misc]
    """What a grey square shows: two strided convolutions, shared by all parts of the face."""

    def __init__(self, edge: int, width: int) -> None:
        super().__init__()
        side = edge // 4
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 5, 2, 2), nn.GroupNorm(4, 16), nn.GELU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.GroupNorm(8, 32), nn.GELU(),
            nn.Flatten(), nn.Linear(32 * side * side, width),
        )  # fmt: skip

    def forward(self, squares: Tensor) -> Tensor:
        found: Tensor = self.body(squares)
        return found


class _Aggregating(nn.Module):  # type: ignore[misc]
    """One layer of the aggregator: queries and words among themselves, queries to the face, then each by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.among = nn.MultiheadAttention(width, heads, batch_first=True)
        self.across = nn.MultiheadAttention(width, heads, batch_first=True)
        self.alone = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, both: Tensor, silent: Tensor, face: Tensor, hidden: Tensor, count: int) -> Tensor:
        """Queries (the first `count`) and words; `silent` words and `hidden` parts of the face are not looked at."""
        level = self.before[0](both)
        both = both + self.among(level, level, level, key_padding_mask=silent, need_weights=False)[0]
        queries = both[:, :count]
        found = self.across(self.before[1](queries), face, face, key_padding_mask=hidden, need_weights=False)[0]
        both = torch.cat([queries + found, both[:, count:]], 1)
        whole: Tensor = both + self.alone(self.before[2](both))
        return whole


class _Gate(nn.Module):  # type: ignore[misc]
    """A layer's look at the tokens, behind a gate for each channel; all gates start at 0, and let nothing through."""

    def __init__(self, hidden: int, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.level = nn.LayerNorm(hidden)
        self.ask = nn.Linear(hidden, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.give = nn.Linear(width, hidden)
        self.gate = nn.Parameter(torch.zeros(hidden))

    def forward(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        query = self.ask(self.level(hidden.to(self.gate.dtype)))
        query, key, value = (self._by_head(one) for one in (query, self.keys(tokens), self.values(tokens)))
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        shown: Tensor = torch.tanh(_STEEP * self.gate) * self.give(found.transpose(1, 2).flatten(2))
        return shown

    def _by_head(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (self._heads, -1)).transpose(1, 2)


def _places(count: int, width: int, like: Tensor) -> Tensor:
    """Sinusoids by which frames and words tell their order: (count, width) (Vaswani et al. 2017)."""
    at = torch.arange(count, device=like.device)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(10_000.0) / width))
    waves: Tensor = torch.stack([torch.sin(at * rate), torch.cos(at * rate)], -1).flatten(1).to(like.dtype)
    return waves
