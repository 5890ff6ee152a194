"""What a model made of a face, and of the words around it, kept for all questions about that face.

Where an image is many tokens, reading it is most of the work for a short answer, and each of several tasks and prompts
asks about it anew. So the tokens with which all questions about a face begin, its image among them, go through the
model once; `generate` then answers each question on a copy of the key-value cache that this left. Batches are still of
like questions about several faces, so that none waits for another's longer answer.

This is done only after it was seen to change nothing: for the first batch of each shape of image, the logits of a few
rows over a few steps are compared with those of the plain path. A model whose cache is more than keys and values of all
tokens (sliding windows, states), one that lets words look at later words, or one that reads the image after the
question, takes the plain path.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from feab.models.faceinfo.attach import faces_of
from feab.models.hf_caches import LruCache
from feab.models.hf_inputs import Fields, InputMaker, Prepared
from feab.models.hf_memory import is_out_of_memory
from feab.models.images import first_line

FEW_TOKENS = 16
"""An image of fewer tokens than this is read again each time: a second pass costs about what it saves (our choice)."""

KEPT_BYTES = 512 * 1024 * 1024
"""Caches that are kept on a CPU."""

KEPT_SHARE = 0.25
"""The same on a GPU, as a share of the memory that the weights leave free."""

_FEWEST = 4
"""Faces that must fit; a model of which fewer do takes the plain path."""

_CHECKED_ROWS = 8
_CHECKED_STEPS = 3
_CLOSE = 1e-3
"""Mean difference of two rows of logits, in standard deviations of a row, up to which they are the same in float32."""
_CLOSE_HALF = 0.05
"""The same in half precision, where sums in another order differ by as much (our choice)."""

_TEXT = frozenset({"input_ids", "attention_mask", "mm_token_type_ids"})
"""What may be said of each token. Anything else may mean that a token sees more than those before it (PaliGemma)."""

_Face: TypeAlias = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """The first tokens of all questions about one face, and their keys and values in each layer."""

    ids: list[int]
    layers: tuple[tuple[Any, Any], ...]
    """Keys and values, each of shape (1, heads, tokens, width)."""

    @property
    def nbytes(self) -> int:
        return sum(int(keys.nbytes + values.nbytes) for keys, values in self.layers)


class PrefixKeeper:
    """Answers batches on kept caches, where that is possible, worth it, and seen to be right."""

    def __init__(self, model: Any, maker: InputMaker, moved: Callable[[Fields], Fields], *, share: bool) -> None:
        """`moved` brings a batch to the model's device and precision; without `share`, nothing is ever kept."""
        self._model, self._maker, self._moved = model, maker, moved
        self._limit = _budget(model)
        self._kept: LruCache[_Face, _Kept] = LruCache(self._limit, lambda kept: kept.nbytes)
        self._largest = 0
        self._found: dict[Hashable, str] = {}
        """By shape of images: nothing where both paths were seen to agree, else what stands against it."""
        self._obstacle = _obstacle(model) if share else "off"
        self._passed_over = "not tried"

    @property
    def standing(self) -> str:
        """Whether faces are read once, or why not, in a few words for a manifest."""
        if self._obstacle or not self._found:
            return self._obstacle or self._passed_over
        return next(filter(None, self._found.values()), "yes")

    @property
    def most(self) -> int:
        """Rows of a batch, so that the caches of its faces can be kept beside those of the batch before it."""
        return self._limit // max(1, 2 * self._largest)

    def ran_out(self) -> None:
        """Memory ran out: let go of all caches, and keep half as much from now on."""
        self._limit //= 2
        self._kept = LruCache(self._limit, lambda kept: kept.nbytes)
        self._see_room()

    def _see_room(self) -> None:
        if self.most < _FEWEST:
            self._obstacle = "no: a face's cache is too large to keep several"
            self._largest = 0
            self._kept = LruCache(0)

    def run(
        self, rows: Sequence[Prepared], waiting: Sequence[Prepared], config: Any, processors: Sequence[Any]
    ) -> Any | None:
        """The new tokens of each row; None where the plain path is to be taken.

        Args:
            rows: of one `shape`.
            waiting: questions about the same faces that are still to be asked.
            config: for `generate`: greedy, one token at a time.
            processors: what draws, instead of the highest logit.
        """
        if self._obstacle or not self._maker.stacks(rows):
            return None
        shape = rows[0].shape[-1]
        try:
            kept = None if self._found.get(shape) else self._prefixes(rows, waiting, config)
            if kept is None:
                return None
            if shape not in self._found:
                agree = self._agrees(rows, kept, config)
                self._found[shape] = "" if agree else "no: other logits than on the plain path"
        except Exception as error:  # whatever a model's code raises here, it only says that its cache cannot be shared
            if shape in self._found or is_out_of_memory(error):
                raise
            self._found[shape] = f"no: {first_line(error)}"
            return None
        if self._found[shape]:
            return None
        tokens, width = self._generate(rows, kept, config, logits_processor=list(processors))
        return tokens[:, width:]

    def _prefixes(
        self, rows: Sequence[Prepared], waiting: Sequence[Prepared], config: Any
    ) -> Mapping[_Face, _Kept] | None:
        """The caches of the faces of a batch, made where they are not kept; None where that is not worth it."""
        found: dict[_Face, _Kept] = {}
        new: dict[_Face, tuple[Prepared, int]] = {}
        alone = 0
        for place, row in enumerate(rows):
            if row.images in found or row.images in new:
                continue
            end = self._image_end(row)
            if not end:
                return None
            kept = self._kept.get(row.images)
            if kept is not None and _alike(kept.ids, _ids(row)) >= end:
                found[row.images] = kept
                continue
            others = [
                _alike(_ids(row), _ids(one)) for one in (*rows[place + 1 :], *waiting) if one.images == row.images
            ]
            sharing = [length for length in others if length >= end]
            alone += not sharing
            new[row.images] = row, min([*sharing, len(_ids(row)) - 1] if sharing else [end])
        begun = {face: kept.ids for face, kept in found.items()}
        begun |= {face: _ids(row)[:length] for face, (row, length) in new.items()}
        if any(_alike(begun[row.images], _ids(row)) < self._image_end(row) for row in rows):
            return None  # one picture under two names, asked about in other words before it
        if 2 * alone > len(new) + len(found):
            self._passed_over = "no: few faces were asked about more than once"
            return None
        return {**found, **self._made(new, config)} if new else found

    def _image_end(self, row: Prepared) -> int:
        """Number of tokens up to the end of the images; 0 where a cache of them cannot, or need not, be kept."""
        assert row.fields is not None
        ids, image = _ids(row), _image_token(self._model)
        said = {name for name, tensor in row.fields.items() if tensor.shape == row.fields["input_ids"].shape}
        if any("video" in name for name in row.fields):
            self._passed_over = "no: clips are sent as videos"
            return 0
        if said - _TEXT:
            self._passed_over = f"no: its prompts come with {', '.join(sorted(said - _TEXT))}"
            return 0
        if image is None or ids.count(image) < FEW_TOKENS:
            self._passed_over = f"no: an image is fewer than {FEW_TOKENS} tokens"
            return 0
        end = len(ids) - ids[::-1].index(image)
        return end if end < len(ids) else 0

    def _made(self, new: Mapping[_Face, tuple[Prepared, int]], config: Any) -> Mapping[_Face, _Kept]:
        """Run the first tokens about faces that are new, together, and keep what that leaves."""
        given = self._moved(self._maker.heads([row for row, _ in new.values()], [length for _, length in new.values()]))
        width = given["input_ids"].shape[1]
        once = _changed(config, max_new_tokens=1, return_dict_in_generate=True)
        layers = self._model.generate(**given, generation_config=once).past_key_values.layers
        if any(layer.get_seq_length() != width for layer in layers):
            raise TypeError("a cache of other than all tokens")
        made = {}
        for place, (face, (row, length)) in enumerate(new.items()):
            of_row = (slice(place, place + 1), slice(None), slice(width - length, None))
            # Of its own, or it would keep its whole batch alive.
            mine = tuple((layer.keys[of_row].clone(), layer.values[of_row].clone()) for layer in layers)
            made[face] = _Kept(_ids(row)[:length], mine)
            self._kept.put(face, made[face])
            self._largest = max(self._largest, made[face].nbytes)
        self._see_room()
        return made

    def _generate(
        self, rows: Sequence[Prepared], kept: Mapping[_Face, _Kept], config: Any, **options: Any
    ) -> tuple[Any, int]:
        """What `generate` gives for the rows on copies of their caches, and how many tokens of that are the prompts.

        Several draws of one question are rows with one prompt: it is read once to its end, too.
        """
        import torch

        distinct = list({id(row): row for row in rows}.values())
        length = {id(row): min(_alike(kept[row.images].ids, _ids(row)), len(_ids(row)) - 1) for row in distinct}
        given = self._moved(self._maker.after_heads(distinct, [length[id(row)] for row in distinct]))
        cache = self._joined(distinct, kept, list(length.values()))
        if len(distinct) < len(rows):
            once = _changed(config, max_new_tokens=1, return_dict_in_generate=True)
            cache = self._continued(given, cache, once).past_key_values
            cache.crop(-1)  # a prompt's last token is what its answer is begun from
            places = {id(row): place for place, row in enumerate(distinct)}
            cache.batch_select_indices(torch.tensor([places[id(row)] for row in rows]))
            given = self._moved(self._maker.after_heads(rows, [length[id(row)] for row in rows]))
        return self._continued(given, cache, config, **options), given["input_ids"].shape[1]

    def _continued(self, given: Fields, cache: Any, config: Any, **options: Any) -> Any:
        """What `generate` gives for prompts of which the cache holds the first tokens."""
        if getattr(self._model.base_model, "rope_deltas", None) is not None:
            # Positions in two dimensions, as the Qwen family has them: those of an earlier batch are not these rows'.
            self._model.base_model.rope_deltas = None
        return self._model.generate(**given, past_key_values=cache, generation_config=config, **options)

    def _joined(self, rows: Sequence[Prepared], kept: Mapping[_Face, _Kept], lengths: Sequence[int]) -> Any:
        """One cache for the rows, the first so many tokens of each, padded on the left like them."""
        import torch
        from transformers import DynamicCache

        wanted = list(zip((row.images for row in rows), lengths, strict=True))
        parts = list(dict.fromkeys(wanted))
        width = max(lengths)

        def padded(states: Any, length: int) -> Any:
            return torch.nn.functional.pad(states[:, :, :length], (0, 0, width - length, 0))

        cache = DynamicCache(config=self._model.config.get_text_config(decoder=True))
        for number in range(len(kept[rows[0].images].layers)):
            both = [[padded(kept[face].layers[number][i], length) for face, length in parts] for i in range(2)]
            cache.update(torch.cat(both[0]), torch.cat(both[1]), number)
        if len(parts) < len(rows):
            cache.batch_select_indices(torch.tensor([parts.index(one) for one in wanted]))
        return cache

    def _agrees(self, rows: Sequence[Prepared], kept: Mapping[_Face, _Kept], config: Any) -> bool:
        """Whether a few rows, the shortest and the longest among them, get the plain path's logits."""
        import torch

        by_length = sorted({id(row): row for row in rows}.values(), key=lambda row: row.tokens)
        few = [*by_length[: _CHECKED_ROWS - 1], by_length[-1]] if len(by_length) > _CHECKED_ROWS else by_length
        steps = min(_CHECKED_STEPS, config.max_new_tokens)
        told = _changed(config, max_new_tokens=steps, return_dict_in_generate=True, output_logits=True)
        plain = self._model.generate(**self._moved(self._maker.stack(few)), generation_config=told)
        shared, _ = self._generate(few, kept, told)
        close = _CLOSE if self._model.dtype == torch.float32 else _CLOSE_HALF
        same = torch.ones(len(few), dtype=torch.bool, device=plain.sequences.device)
        for one, other in zip(plain.logits, shared.logits, strict=False):
            apart = (one - other).abs().mean(-1) / one.std(-1)
            if not bool((apart[same] <= close).all()):
                return False
            same &= one.argmax(-1) == other.argmax(-1)  # from here on, other words would be compared
        return True


def _obstacle(model: Any) -> str:
    """Why a model's cache cannot be shared, as far as its configuration tells; nothing where it can."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    if model.config.is_encoder_decoder:
        return "no: an encoder reads the question with the image"
    if faces_of(model) is not None:
        return "no: what its layers read of the face depends on what is asked"
    if _image_token(model) is None:
        return "no: its images are no tokens of the prompt"
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return "no: it counts positions by itself"
    try:
        layers = DynamicCache(config=model.config.get_text_config(decoder=True)).layers
    except Exception:  # a configuration that says nothing of its layers, or a kind of layer unknown here
        layers = []
    if not layers or any(type(layer) is not DynamicLayer for layer in layers):
        return "no: its cache is more than keys and values of all tokens"
    return ""


def _image_token(model: Any) -> int | None:
    found = getattr(model.config, "image_token_id", None)
    return found if isinstance(found, int) else None


def _budget(model: Any) -> int:
    import torch

    if model.device.type != "cuda":
        return KEPT_BYTES
    free, _ = torch.cuda.mem_get_info(model.device)
    return int(free * KEPT_SHARE)


def _changed(config: Any, **values: Any) -> Any:
    changed = copy.deepcopy(config)
    changed.update(**values)
    return changed


def _ids(row: Prepared) -> list[int]:
    assert row.fields is not None
    ids: list[int] = row.fields["input_ids"][0].tolist()
    return ids


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """With how many equal tokens two prompts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
