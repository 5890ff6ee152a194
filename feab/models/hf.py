"""`hf/FOLDER` or `hf/OWNER/NAME`: any transformers checkpoint that takes images and text and writes text."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from feab.errors import FeabError
from feab.models.cards import ModelCard
from feab.models.checkpoint import CheckpointOptions
from feab.models.faceinfo.attach import faces_of
from feab.models.faceinfo.priors import Faces
from feab.models.hf_batches import Held, rows_of
from feab.models.hf_choices import ChoiceScorer
from feab.models.hf_generate import BatchSize, Generator, NoRoomError, Reply, Row
from feab.models.hf_inputs import InputMaker, Prepared
from feab.models.hf_load import folder_digest, load_processor, load_weights, locate, quiet, reached, require_libraries
from feab.models.hf_spelling import Speller
from feab.models.images import first_line
from feab.models.loading import parse_options
from feab.models.protocol import ModelInfo
from feab.records import Completion, Failure, Question, Usage

VERSION = "1"
CHOICE_CHUNK = 64
"""Questions that are looked through at once for those with closed sets."""


class HfOptions(CheckpointOptions):
    """What `-M` takes."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="precision; auto: the checkpoint's on a GPU, float32 on a CPU"
    )
    device: str = Field(
        "auto", pattern=r"^(auto|auto-map|cpu|mps|(cuda|xpu)(:\d+)?)$",
        description="auto, cpu, cuda, cuda:1, mps, or auto-map: spread over all GPUs (accelerate)",
    )  # fmt: skip
    batch_size: int | Literal["auto"] = Field("auto", description="draws at once; auto grows and backs off by memory")
    frames_as: Literal["images", "video"] = Field(
        "images", description="how the frames of a clip are sent: as images one after the other, or as one video"
    )
    attention: str | None = Field(None, description="attention implementation, as transformers names it")
    workers: int | None = Field(
        None, ge=1, le=64, description="threads that prepare images; default 1, on a GPU up to 4"
    )
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads of torch")
    face_weights: str | None = Field(
        None, description="file of the face network that an adapter's face module reads, where that is your own"
    )
    share: Literal["auto", "off"] = Field(
        "auto", description="auto: read an image once for all questions about it, where that changes no answer"
    )

    @field_validator("batch_size")
    @classmethod
    def _positive(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 1 <= value <= 65536:
            raise ValueError("1 to 65536, or auto")
        return value


def options_of(rest: str) -> type[BaseModel]:
    """What `-M` takes for `hf/rest`. Whether a hub checkpoint exists is not asked.

    Raises:
        FeabError: when it names no folder with a checkpoint, and cannot be a hub id.
    """
    locate(rest, None, False)
    return HfOptions


def open_model(name: str, rest: str, args: Mapping[str, Any], card: ModelCard | None) -> HfModel:
    """The model behind `hf/rest`; see `feab.load_model`."""
    pinned = {"revision": card.revision} if card is not None and card.revision is not None else {}
    options = parse_options(HfOptions, {**pinned, **args}, "hf")
    source = locate(rest, options.revision, options.trust_remote_code)
    require_libraries()
    import torch

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    template = options.read_template()
    device = _device(options.device)
    dtype = _dtype(options.dtype, device)
    source = reached(source)
    with quiet(options.verbose):
        processor = load_processor(source, videos=options.frames_as == "video")
        if template is None and not _has_template(processor):
            raise FeabError(f"hf/{source.path}: it has no chat template; give one with -M chat_template=FILE.jinja")
        model = load_weights(
            source,
            dtype=dtype,
            device=device,
            attention=options.attention,
            adapter=options.adapter_folder,
            face_weights=options.face_weights,
        )
    revision = folder_digest(Path(source.path)) if source.local else getattr(model.config, "_commit_hash", None)
    info = _info(name, options, model, revision, template, processor)
    return HfModel(info, model, processor, options, template, closing=faces_of(model))


def around(model: Any, processor: Any, name: str) -> HfModel:
    """The adapter around a model that is in memory already, asked as if it had been loaded from its folder.

    What it makes of a picture is kept, so weights must not change while it is in use: make another then.
    """
    options = HfOptions.model_validate({})
    return HfModel(_info(name, options, model, None, None, processor), model, processor, options, None)


class HfModel:
    """A loaded checkpoint. Images are prepared in a thread while the model works on the batch before."""

    def __init__(
        self,
        info: ModelInfo,
        model: Any,
        processor: Any,
        options: HfOptions,
        template: str | None,
        *,
        closing: Faces | None = None,
    ) -> None:
        """`closing`: what a face module sees faces with, where it is to be let go of with the model."""
        self._closing = closing
        self._info = info
        self._options = options
        maker = InputMaker(
            processor,
            template=template,
            min_pixels=options.min_pixels,
            max_pixels=options.max_pixels,
            as_video=options.frames_as == "video",
            faces=faces_of(model),
        )
        self._maker: InputMaker | None = maker
        start = _start_size(model) if options.batch_size == "auto" else int(options.batch_size)
        ceiling = 256 if options.batch_size == "auto" else start
        size = BatchSize(start, ceiling)
        self._generator: Generator | None = Generator(
            model,
            maker,
            processor.tokenizer,
            size,
            max_new_tokens=options.max_new_tokens,
            share=options.share == "auto",
            verbose=options.verbose,
        )
        speller = Speller(processor, template, self._generator.ends)
        self._scorer: ChoiceScorer | None = ChoiceScorer(model, maker, speller, size, verbose=options.verbose)
        on_cpu = str(info.details["device"]) == "cpu"
        self._workers = options.workers or (1 if on_cpu else max(1, min(4, (os.cpu_count() or 2) - 1)))

    @property
    def name(self) -> str:
        """The model as the user named it."""
        return self._info.name

    @property
    def info(self) -> ModelInfo:
        """What the manifest says about this model, and what it reads once: images, prompts of several options."""
        if self._generator is None or self._scorer is None:
            return self._info
        found = {"share": self._generator.sharing, "options_share_prompt": self._scorer.passes.repeats_cache}
        told = {name: value for name, value in found.items() if value is not None}
        return replace(self._info, details={**self._info.details, **told})

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer in batches of like questions; see `feab.models.Model`.

        At most `HELD_BATCHES` + 2 batches are pulled ahead of what is handed back, or `HELD_PROMPTS` + 2 where several
        questions have an image. `latency_s` is the wall time of the batch a question was in.

        Raises:
            FeabError: after `close`.
        """
        if self._generator is None:
            raise FeabError(f"{self.name} is closed")
        for scoring, several in groupby(questions, key=lambda question: question.scoring):
            yield from (self._generated if scoring == "generate" else self._chosen)(several)

    def _chosen(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Weigh the options of closed questions; answer the others by generation."""
        source = iter(questions)
        while self._scorer is not None and (several := list(islice(source, CHOICE_CHUNK))):
            written = self._generated(question for question in several if not question.closed)
            yield from self._scorer.answers([question for question in several if question.closed])
            yield from self._scorer.weighed(written)

    def _generated(self, questions: Iterable[Question]) -> Iterator[Completion]:
        if self._generator is None or self._maker is None:
            raise FeabError(f"{self.name} is closed")
        maker, generator = self._maker, self._generator
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="feab-prepare")
        source = iter(questions)
        coming: deque[Future[Prepared]] = deque()
        held = Held()
        try:
            while True:
                room = 2 * generator.rows_at_once - len(coming)
                coming.extend(pool.submit(maker.prepare, one) for one in islice(source, max(0, room)))
                if not coming:
                    break
                prepared = coming.popleft().result()
                if prepared.failure is not None:
                    yield Completion(prepared.question, error=prepared.failure)
                    continue
                held.add(prepared)
                while batch := held.due(generator.rows_at_once):
                    yield from _answered(generator, batch, held.about(batch))
            while batch := held.fullest(generator.rows_at_once):
                yield from _answered(generator, batch, held.about(batch))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Let go of the weights."""
        self._generator = None
        self._scorer = None
        self._maker = None
        if self._closing is not None:
            self._closing.close()


def _answered(generator: Generator, batch: Sequence[Prepared], about: Sequence[Prepared] = ()) -> Iterator[Completion]:
    rows = [Row(one, one.question.first_draw + i) for one in batch for i in range(rows_of(one.question))]
    try:
        replies = generator.run(rows, about)
    except Exception as error:  # a model's own code may raise anything; it is one question's trouble, not the run's
        if len(batch) > 1:
            for one in batch:
                yield from _answered(generator, [one])
        else:
            kind = "out_of_memory" if isinstance(error, NoRoomError) else "model"
            yield Completion(batch[0].question, error=Failure(kind, first_line(error)))
        return
    done = iter(replies)
    for one in batch:
        yield _completion(one, list(islice(done, rows_of(one.question))))


def _completion(prepared: Prepared, replies: Sequence[Reply]) -> Completion:
    question = prepared.question
    drawn = list(replies) if len(replies) == question.n else [replies[0]] * question.n
    return Completion(
        question,
        texts=tuple(reply.text for reply in drawn),
        finish_reasons=tuple(reply.finish_reason for reply in drawn),
        usage=Usage(prepared.tokens, sum(reply.tokens for reply in replies)),
        latency_s=replies[0].seconds,
    )


def _device(asked: str) -> str:
    import torch

    if asked != "auto":
        kind = asked.split(":")[0]
        if kind == "cuda" and not torch.cuda.is_available():
            raise FeabError(f"device={asked}: this torch sees no CUDA device")
        return asked
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(asked: str, device: str) -> Any:
    import torch

    if asked == "auto":
        return torch.float32 if device == "cpu" else "auto"
    return getattr(torch, asked)


def _has_template(processor: Any) -> bool:
    return bool(getattr(processor, "chat_template", None) or getattr(processor.tokenizer, "chat_template", None))


def _start_size(model: Any) -> int:
    """Rows to begin with: by the number of weights, since caches and activations grow with them (our choice)."""
    count = sum(weight.numel() for weight in model.parameters())
    return next((size for limit, size in ((200e6, 64), (1e9, 16), (10e9, 8)) if count < limit), 4)


def _info(
    name: str, options: HfOptions, model: Any, revision: str | None, template: str | None, processor: Any
) -> ModelInfo:
    import torch
    import transformers

    matters = {"dtype": str(model.dtype).removeprefix("torch."), **options.identity(template)}
    if options.attention is not None:
        matters["attention"] = options.attention
    if options.frames_as == "video":
        matters |= {"frames_as": "video", "video_processor": type(processor.video_processor).__name__}
    return ModelInfo(
        name=name,
        adapter="hf",
        adapter_version=VERSION,
        revision=revision,
        args_that_change_answers=matters,
        parameters=sum(weight.numel() for weight in model.parameters()),
        scorings=("generate", "choices", "yes-no"),
        max_tokens=options.max_new_tokens,
        details={
            "device": str(model.device),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "batch_size": options.batch_size,
        },
    )
