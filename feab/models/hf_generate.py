"""One batch through a transformers model: greedy or seeded draws, and what to do when memory runs out."""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feab.models.hf_features import FeatureKeeper
from feab.models.hf_inputs import Fields, InputMaker, Prepared, to_model
from feab.models.hf_load import quiet
from feab.models.hf_memory import is_out_of_memory
from feab.models.hf_prefix import PrefixKeeper
from feab.models.seeds import derived_seed
from feab.records import FinishReason, Sampling


@dataclass(frozen=True, slots=True)
class Row:
    """One draw of one question."""

    prepared: Prepared
    draw: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote for one row."""

    text: str
    finish_reason: FinishReason
    tokens: int
    seconds: float
    """Wall time of the batch it was in."""


class NoRoomError(Exception):
    """Not even one row fits."""


class BatchSize:
    """How many rows go through the model at once: as asked, or grown while memory allows; less after running out."""

    def __init__(self, start: int, ceiling: int) -> None:
        self.value = start
        self._ceiling = max(start, ceiling)

    def ran_out(self, rows: int) -> None:
        """`rows` rows did not fit: half of them from now on, and never that many again."""
        self._ceiling = max(1, rows // 2)
        self.value = min(self.value, self._ceiling)

    def fitted(self, rows: int, share: float | None) -> None:
        """A batch fitted, using at its peak this share of the device's memory (None: unknown, stay)."""
        if share is not None and rows >= self.value and share < 0.4:
            self.value = min(self.value * 2, self._ceiling)


class Generator:
    """Runs batches on a loaded model."""

    def __init__(
        self,
        model: Any,
        maker: InputMaker,
        tokenizer: Any,
        size: BatchSize,
        *,
        max_new_tokens: int | None = None,
        share: bool = True,
        verbose: bool = False,
    ) -> None:
        self._model = model
        self._maker = maker
        self._tokenizer = tokenizer
        self._max_new_tokens = max_new_tokens
        self._verbose = verbose
        self._features = FeatureKeeper(model)
        self._prefixes = PrefixKeeper(model, maker, self._moved, share=share)
        self.size = size
        ends = model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self.ends = sorted({end for end in (*ends, tokenizer.eos_token_id) if end is not None})
        """Tokens that end an answer."""

    @property
    def rows_at_once(self) -> int:
        """Rows of the next batch."""
        return max(1, min(self.size.value, self._prefixes.most))

    @property
    def sharing(self) -> str:
        """Whether faces are read once for all questions, or why not."""
        return self._prefixes.standing

    def run(self, rows: Sequence[Row], coming: Sequence[Prepared] = ()) -> list[Reply]:
        """Replies in the order of the rows, which share one shape; in smaller batches where memory runs out.

        `coming`: questions about the same faces that will be asked after these.

        Raises:
            NoRoomError: when a single row does not fit.
        """
        replies: list[Reply] = []
        waiting = list(rows)
        while waiting:
            batch = waiting[: self.rows_at_once]
            try:
                replies += self._batch(batch, coming)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise NoRoomError(str(error).splitlines()[0][:300] if str(error) else "out of memory") from None
                self.size.ran_out(len(batch))
            else:
                self.size.fitted(len(batch), self._memory_share())
                waiting = waiting[len(batch) :]
                continue
            self._free()  # outside the except block: the traceback holds the tensors that did not fit
        return replies

    def _batch(self, rows: Sequence[Row], coming: Sequence[Prepared]) -> list[Reply]:
        import torch

        start = time.perf_counter()
        prepared = [row.prepared for row in rows]
        sampling = prepared[0].question.sampling
        config = self._config(sampling)
        with torch.inference_mode(), quiet(self._verbose):
            written = self._prefixes.run(prepared, coming, config, _drawing(rows, sampling))
            if written is None:
                written = self._plain(rows, prepared, config)
        seconds = time.perf_counter() - start
        return [self._reply(ids, seconds) for ids in written.tolist()]

    def _plain(self, rows: Sequence[Row], prepared: Sequence[Prepared], config: Any) -> Any:
        """New tokens of each row, every prompt read from its beginning."""
        inputs = self._moved(self._maker.stack(prepared))

        def generate(given: Fields, count: int) -> Any:
            drawing = _drawing(rows[:count], prepared[0].question.sampling)
            return self._model.generate(**given, generation_config=config, logits_processor=drawing)

        return self._features.run(prepared, inputs, generate)[:, inputs["input_ids"].shape[1] :]

    def _reply(self, ids: list[int], seconds: float) -> Reply:
        end = next((i for i, token in enumerate(ids) if token in self.ends), None)
        text = self._tokenizer.decode(ids[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Reply(text, "length" if end is None else "stop", len(ids) if end is None else end + 1, seconds)

    def _config(self, sampling: Sampling) -> Any:
        """The checkpoint's settings with every knob that bends the choice of tokens at rest.

        Some checkpoints ask for a repetition penalty; it would punish the labels, which the prompt has just named.
        """
        config = copy.deepcopy(self._model.generation_config)
        config.update(
            do_sample=False,
            num_beams=1,
            num_return_sequences=1,
            temperature=None,
            top_p=None,
            top_k=None,
            min_p=None,
            typical_p=None,
            repetition_penalty=None,
            no_repeat_ngram_size=None,
            penalty_alpha=None,
            max_length=None,
            min_length=None,
            min_new_tokens=None,
            max_new_tokens=self._max_new_tokens or sampling.max_tokens,
            eos_token_id=self.ends or None,
            pad_token_id=self._tokenizer.pad_token_id,
            return_dict_in_generate=False,
        )
        return config

    def _moved(self, fields: Fields) -> Fields:
        return {name: to_model(name, tensor, self._model) for name, tensor in fields.items()}

    def _memory_share(self) -> float | None:
        import torch

        if self._model.device.type != "cuda":
            return None
        total = torch.cuda.get_device_properties(self._model.device).total_memory
        return float(torch.cuda.max_memory_reserved(self._model.device) / total)

    def _free(self) -> None:
        import torch

        self._prefixes.ran_out()
        gc.collect()
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()


def _drawing(rows: Sequence[Row], sampling: Sampling) -> list[_SeededDraw]:
    return [_SeededDraw(rows, sampling)] if sampling.temperature > 0 else []


class _SeededDraw:
    """Draws each row's next token with a random stream of the row's own.

    The maximum of scores + Gumbel noise is a draw from their softmax (Gumbel 1954), so greedy decoding over noisy
    scores samples. A row's stream depends on the seed, its question and its draw number, never on its neighbours in
    the batch: the same draw comes out again when a run is resumed.
    """

    def __init__(self, rows: Sequence[Row], sampling: Sampling) -> None:
        import torch

        seeds = [derived_seed(sampling.seed, *row.prepared.question.key, row.draw) for row in rows]
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._temperature = sampling.temperature
        self._top_p = sampling.top_p

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores (rows, vocabulary) with the noise added; tokens outside the top-p nucleus at minus infinity."""
        import torch

        scores = scores.float() / self._temperature
        if self._top_p < 1:
            ordered, order = scores.sort(dim=-1, descending=True)
            before = ordered.softmax(dim=-1).cumsum(dim=-1) - ordered.softmax(dim=-1)
            ordered = ordered.masked_fill(before >= self._top_p, float("-inf"))
            scores = torch.empty_like(scores).scatter(-1, order, ordered)
        noise = torch.stack([torch.rand(scores.shape[-1], generator=stream) for stream in self._streams])
        noise = noise.clamp(min=torch.finfo(noise.dtype).tiny).to(scores.device)
        return scores - torch.log(-torch.log(noise))
