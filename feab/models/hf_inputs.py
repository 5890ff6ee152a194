"""From a question to the tensors a transformers model takes, each image and each prompt worked on once.

The processor is always called the ordinary way, on one question. What its output for a new image and a known prompt,
or for several questions together, *would* be is put together from earlier outputs only after that was seen to give
exactly the processor's own result (`Trust`); where it ever does not, the processor is called every time.
"""

from __future__ import annotations

import copy
import hashlib
import math
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from feab.models.faceinfo.priors import QUESTION, ROWS, Faces, asked
from feab.models.hf_caches import LruCache, Trust, give_again
from feab.models.hf_video import one_video, videos
from feab.models.images import ImageError, decode, first_line, pictures_of, read_media, within
from feab.records import Failure, Question, Text

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

CACHE_BYTES = 256 * 1024 * 1024
"""Preprocessed images that are kept: several tasks ask about the same face, one after another."""

_COMPARED = 8
_AGAIN = 16
"""Images of which the image processor's output is kept for prompts that are new."""
_LOCKS = 64

Fields = Mapping[str, Any]
"""Name -> tensor, batch dimension first: what a processor returns and a model takes."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question ready to be put in a batch: the model's inputs for it alone, or why there are none."""

    question: Question
    text: str = ""
    fields: Fields | None = None
    failure: Failure | None = None
    images: tuple[bytes, ...] = ()
    """Digests of its images, and of their times where they are sent as a video."""
    shape: tuple[Hashable, ...] = ()
    """Questions of one shape can share a batch."""

    @property
    def tokens(self) -> int:
        """Input tokens, image tokens included."""
        return 0 if self.fields is None else int(self.fields["attention_mask"].sum())


class InputMaker:
    """Renders prompts, decodes images, calls the processor, and puts batches together."""

    def __init__(
        self,
        processor: Any,
        *,
        template: str | None = None,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        as_video: bool = False,
        faces: Faces | None = None,
    ) -> None:
        """Limits and ways.

        Args:
            processor: the model's.
            template: a chat template in place of its own.
            min_pixels: of each picture.
            max_pixels: of each picture.
            cache_bytes: of pictures that are kept.
            as_video: the pictures of a clip are one video.
            faces: what a model with a face module sees faces with.
        """
        self._faces = faces
        self._processor = processor
        self._as_video = as_video
        self._own = threading.local()
        self._template = template
        self._pixels = (min_pixels, max_pixels)
        self._native_size = _size_in_pixels(processor, min_pixels, max_pixels)
        tokenizer = processor.tokenizer
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self._bos = tokenizer.bos_token
        self._prompts: LruCache[tuple[Hashable, ...], str] = LruCache(1024)
        self._texts: LruCache[tuple[Hashable, ...], Fields] = LruCache(1024)
        self._images: LruCache[tuple[Hashable, ...], tuple[tuple[tuple[int, int], ...], Fields]] = LruCache(
            cache_bytes, lambda entry: sum(tensor.nbytes for tensor in entry[1].values())
        )
        self._outputs: LruCache[Hashable, Any] = LruCache(_AGAIN)
        self._turns = tuple(threading.Lock() for _ in range(_LOCKS))
        self._joining = Trust()
        self._stacking = Trust()

    # One question

    def prepare(self, question: Question) -> Prepared:
        """The model's inputs for one question; a failure instead of an exception, whatever is wrong with it."""
        try:
            text = self._prompt(question)
            encoded = read_media(pictures_of(question))
            digests = tuple(hashlib.blake2b(data, digest_size=16).digest() for data in encoded)
            # Questions about an image come together; one thread works on it.
            with self._turns[hash(digests) % _LOCKS]:
                fields = {
                    **self._inputs(text, encoded, digests, self._times(question)),
                    **self._seen(question, encoded),
                }
        except ImageError as error:
            return Prepared(question, failure=Failure("image", str(error)))
        except MemoryError:
            return Prepared(question, failure=Failure("out_of_memory", "while its image was prepared"))
        except Exception as error:  # whatever a template or processor raises is one question's trouble, not the run's
            return Prepared(question, failure=Failure("prompt", first_line(error)))
        return Prepared(
            question, text, fields, None, (*digests, *_stamp(self._times(question))), _shape(question, fields)
        )

    def _seen(self, question: Question, encoded: Sequence[bytes]) -> Fields:
        """What a face module is given; nothing for a model without one."""
        if self._faces is None:
            return {}
        return self._faces.fields(encoded, asked(question.messages), self._mine().tokenizer)

    def _prompt(self, question: Question) -> str:
        """The chat template applied to the messages, with the placeholders of images and videos still unexpanded."""
        video = bool(self._times(question))
        turns = tuple(
            (message.role, one_video(parts) if video else parts)
            for message in question.messages
            for parts in [tuple(("text", p.text) if isinstance(p, Text) else ("image", None) for p in message.parts)]
        )
        known = self._prompts.get(turns)
        if known is not None:
            return known
        messages = [
            {
                "role": role,
                "content": [{"type": kind} if text is None else {"type": kind, "text": text} for kind, text in parts],
            }
            for role, parts in turns
        ]
        extra = {"chat_template": self._template} if self._template is not None else {}
        text = str(self._mine().apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **extra))
        self._prompts.put(turns, text)
        return text

    def _times(self, question: Question) -> tuple[float, ...]:
        """When the frames of its video were taken; empty where its pictures are sent as images."""
        return question.times if self._as_video else ()

    def _inputs(
        self, text: str, encoded: Sequence[bytes], digests: tuple[bytes, ...], times: tuple[float, ...]
    ) -> Fields:
        digest = (*digests, *times)
        held = self._images.get(digest) if digest else None
        sizes = held[0] if held else None
        words = self._texts.get((text, sizes, times)) if held else None  # some write the times into the text
        if held is None or words is None or self._joining.refused(text):
            fields, sizes = self._call(text, encoded, digest, times)
            texts, images = _split(fields)
            if digest:
                self._images.put(digest, (sizes, images))
                self._texts.put((text, sizes, times), texts)
            return fields
        joined = {**words, **held[1]}
        if not self._joining.granted(text):
            fields, _ = self._call(text, encoded, digest, times)
            if not self._joining.judge(text, _same(joined, fields)):
                return fields
        return joined

    def _call(
        self, text: str, encoded: Sequence[bytes], digest: tuple[Hashable, ...], times: tuple[float, ...]
    ) -> tuple[Fields, tuple[tuple[int, int], ...]]:
        pictures = [self._decode(data) for data in encoded]
        # Of a video nothing is given again: it goes through the image processor in another form.
        self._own.digest = None if times else digest or None
        try:
            fields = self._process([text], [pictures], [times])
        finally:
            self._own.digest = None
        return fields, tuple(picture.size for picture in pictures)

    def _process(
        self, texts: Sequence[str], pictures: Sequence[Sequence[Picture]], times: Sequence[tuple[float, ...]]
    ) -> Fields:
        """`times`: of each question, those of its video; either all have one or none has."""
        if any(times):
            given = videos(pictures, times, self._native_size)
        else:
            images = [list(several) for several in pictures]
            given = {"images": images if any(images) else None}
            if self._native_size:
                given["images_kwargs"] = {"size": self._native_size}
        batch = self._mine()(
            text=list(texts),
            **given,
            padding=True,
            return_tensors="pt",
            # As transformers' own apply_chat_template does: never a second <s> after the one the template wrote.
            add_special_tokens=not (self._bos and texts[0].startswith(self._bos)),
        )
        return dict(batch)

    def _decode(self, data: bytes) -> Picture:
        picture = decode(data)
        return picture if self._native_size else within(picture, *self._pixels)

    def _mine(self) -> Any:
        """A processor of this thread's own: fast tokenizers must not be used by two threads at once."""
        mine = getattr(self._own, "processor", None)
        if mine is None:
            mine = self._own.processor = copy.deepcopy(self._processor)
            give_again(mine.image_processor, self._outputs, lambda: getattr(self._own, "digest", None))
        return mine

    # Several questions

    def stack(self, rows: Sequence[Prepared]) -> Fields:
        """One batch, of rows of one `shape`: texts padded on the left, everything else side by side."""
        if len(rows) == 1 and rows[0].fields is not None:
            return rows[0].fields
        return self._stacked(rows) if self.stacks(rows) else self._together(rows)

    def stacks(self, rows: Sequence[Prepared]) -> bool:
        """Whether rows of one `shape`, put side by side, are what the processor makes of them together.

        For the first batch of each shape a few rows, the shortest and the longest among them, are compared.
        """
        shape = rows[0].shape
        if len(rows) > 1 and not self._stacking.granted(shape) and not self._stacking.refused(shape):
            by_length = sorted(rows, key=lambda row: row.tokens)
            few = [*by_length[: _COMPARED - 1], by_length[-1]] if len(rows) > _COMPARED else rows
            self._stacking.judge(shape, _same(self._stacked(few), self._together(few)))
        return len(rows) == 1 or self._stacking.granted(shape)

    def heads(self, rows: Sequence[Prepared], lengths: Sequence[int]) -> Fields:
        """As `stack`, of the first so many tokens of each row, which are all that its images need; see `stacks`."""
        return self._stacked([_cut(row, slice(length)) for row, length in zip(rows, lengths, strict=True)])

    def after_heads(self, rows: Sequence[Prepared], lengths: Sequence[int]) -> Fields:
        """The whole of rows of which `heads` were read before: head and rest padded each by itself, without pixels."""
        import torch

        heads = self.heads(rows, lengths)
        rests = self._stacked([_cut(row, slice(length, None)) for row, length in zip(rows, lengths, strict=True)])
        return {
            name: torch.cat([tensor, rests[name]], dim=1) if _is_text(tensor, heads) else tensor
            for name, tensor in heads.items()
            if name not in ("pixel_values", "pixel_values_videos")
        }

    def _together(self, rows: Sequence[Prepared]) -> Fields:
        import torch

        questions = [row.question for row in rows]
        pictures = [self._pictures(question) for question in questions]
        made = self._process([row.text for row in rows], pictures, [self._times(question) for question in questions])
        beside = [name for name in (ROWS, QUESTION) if rows[0].fields is not None and name in rows[0].fields]
        return {**made, **{name: torch.cat([(row.fields or {})[name] for row in rows]) for name in beside}}

    def _pictures(self, question: Question) -> list[Picture]:
        return [self._decode(data) for data in read_media(pictures_of(question))]

    def _stacked(self, rows: Sequence[Prepared]) -> Fields:
        import torch

        fields = [row.fields for row in rows if row.fields is not None]
        length = max(one["input_ids"].shape[1] for one in fields)
        stacked = {}
        for name, first in fields[0].items():
            parts = [one[name] for one in fields]
            if _is_text(first, fields[0]):
                fill = self._pad if name == "input_ids" else 0
                parts = [torch.nn.functional.pad(part, (length - part.shape[1], 0), value=fill) for part in parts]
            stacked[name] = torch.cat(parts)
        return stacked


def to_model(name: str, tensor: Any, model: Any) -> Any:
    """An input on the model's device; pictures in its precision, face readings in theirs."""
    if tensor.is_floating_point() and name != ROWS:
        return tensor.to(model.device, model.dtype)
    return tensor.to(model.device)


def _stamp(times: tuple[float, ...]) -> tuple[bytes, ...]:
    """What tells a video from one of the same frames at other times, and from the frames sent as images."""
    return (hashlib.blake2b(repr(times).encode("ascii"), digest_size=16).digest(),) if times else ()


def _cut(row: Prepared, part: slice) -> Prepared:
    """A part of a row's tokens, with its images."""
    fields = row.fields or {}
    kept = {name: tensor[:, part] if _is_text(tensor, fields) else tensor for name, tensor in fields.items()}
    return replace(row, fields=kept)


def _is_text(tensor: Any, fields: Fields) -> bool:
    return bool(tensor.shape == fields["input_ids"].shape)


def _split(fields: Fields) -> tuple[Fields, Fields]:
    """What the text gave (one value a token), and what the image gave."""
    text = {name: tensor for name, tensor in fields.items() if _is_text(tensor, fields)}
    return text, {name: tensor for name, tensor in fields.items() if name not in text}


def _same(one: Fields, other: Fields) -> bool:
    import torch

    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


def _shape(question: Question, fields: Fields) -> tuple[Hashable, ...]:
    """Same task and prompt (so, answers of like length), same way of drawing, same image shapes, similar length."""
    sampling = question.sampling
    _, images = _split(fields)
    length = int(4 * math.log2(fields["input_ids"].shape[1]))
    shapes = tuple(sorted((name, tuple(tensor.shape[1:])) for name, tensor in images.items()))
    drawing = (sampling.temperature, sampling.top_p, sampling.max_tokens)
    return (question.task, question.prompt, drawing, length, shapes)


def _size_in_pixels(processor: Any, low: int | None, high: int | None) -> dict[str, int] | None:
    """The `size` to give a processor that counts an image's size in pixels itself (the Qwen family), where asked."""
    accepted = getattr(getattr(processor.image_processor, "valid_kwargs", None), "__annotations__", {})
    if (low is None and high is None) or not {"min_pixels", "max_pixels"} <= set(accepted):
        return None
    size = dict(processor.image_processor.size)
    shortest, longest = low or size["shortest_edge"], high or size["longest_edge"]
    return {"shortest_edge": min(shortest, longest), "longest_edge": max(shortest, longest)}
