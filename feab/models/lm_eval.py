"""`lm-eval/CLASS/MODEL`: a model class of lm-evaluation-harness that takes pictures, asked as its own tasks would ask.

`-M` takes what the class's constructor takes: `lm-eval/hf-multimodal -M pretrained=FOLDER -M dtype=float32`, or
`lm-eval/local-chat-completions/NAME -M base_url=http://HOST/v1/chat/completions -M num_concurrent=16`. Rows go to its
`generate_until` a batch at a time. What the harness would turn into an answer or into the end of everything, a failed
request or an unreadable reply, is one question's error here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from typing import Any

from pydantic import BaseModel

from feab.errors import FeabError
from feab.models.cards import ModelCard
from feab.models.images import ImageError, first_line
from feab.models.lm_eval_api import Watched, completion_of, forced, without_bars
from feab.models.lm_eval_load import Loaded, make, quiet
from feab.models.lm_eval_options import LmEvalOptions
from feab.models.lm_eval_wire import PromptError, Row, conversation, generation, rows_of, visuals
from feab.models.loading import parse_options
from feab.models.openai_errors import Trouble, advice, scrubbed
from feab.models.protocol import ModelInfo
from feab.models.seeds import derived_seed
from feab.records import Completion, Failure, Question

VERSION = "1"


def options_of(rest: str) -> type[BaseModel]:
    """What `-M` takes for `lm-eval/rest`; what its class takes is not asked, as lm-eval may not be installed."""
    return LmEvalOptions


def open_model(name: str, rest: str, args: Mapping[str, Any], card: ModelCard | None) -> LmEvalModel:
    """The model behind `lm-eval/rest`; see `feab.load_model`."""
    pinned = {"revision": card.revision} if card is not None and card.revision is not None else {}
    options = parse_options(LmEvalOptions, {**pinned, **args}, "lm-eval")
    loaded = make(rest, options)
    return LmEvalModel(_info(name, rest, options, loaded, card), loaded, options)


class LmEvalModel:
    """An object of one of lm-eval's classes."""

    def __init__(self, info: ModelInfo, loaded: Loaded, options: LmEvalOptions) -> None:
        self.info = info
        self._loaded: Loaded | None = loaded
        self._options = options
        self._watched = Watched(loaded.lm) if loaded.family == "api" else None

    @property
    def name(self) -> str:
        """The model as the user named it."""
        return self.info.name

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Ask a batch of rows at a time; see `feab.models.Model`. Several draws come one by one.

        A batch is what the class works on at once: `batch_size` rows, or four times `num_concurrent` requests. The
        questions of one batch are all that is pulled ahead, and all that an interruption loses. `latency_s` is that of
        the request, or the wall time of the batch.

        Raises:
            FeabError: when the server cannot be reached, or refuses the key or the model; or after `close`.
        """
        if self._loaded is None:
            raise FeabError(f"{self.name} is closed")
        loaded = self._loaded
        source = (row for question in questions for row in rows_of(question, loaded.family))
        while rows := list(islice(source, loaded.at_once)):
            asked: list[Row] = []
            requests: list[Any] = []
            for row in rows:
                found = self._request(loaded, row)
                if isinstance(found, Failure):
                    yield Completion(_part(row), error=found)
                else:
                    asked.append(row)
                    requests.append(found)
            if asked and self._watched is not None:
                yield from self._sent(self._watched, asked, requests)
            elif asked:
                yield from self._computed(loaded, asked, requests)

    def close(self) -> None:
        """Let go of the object and its weights."""
        self._loaded = self._watched = None

    def _request(self, loaded: Loaded, row: Row) -> Any:
        """What lm-eval's class is handed for a row, as its own tasks build it; or why it cannot be asked."""
        question = row.question
        try:
            history = conversation(question, loaded.family, loaded.lm.max_images)
            arguments: tuple[Any, ...] = (
                loaded.lm.apply_chat_template(history),
                dict(generation(row, loaded.family, self._options.max_gen_toks)),
            )
            if pictures := visuals(question):
                arguments = (*arguments, {"visual": pictures})
        except ImageError as error:
            return Failure("image", f"the image {error}")
        except PromptError as error:
            return Failure("prompt", str(error))
        except MemoryError:
            return Failure("out_of_memory", "while its image was prepared")
        except Exception as error:  # a chat template may raise anything
            return Failure("prompt", first_line(error))
        return loaded.instance(
            request_type="generate_until",
            doc={"id": question.sample},
            arguments=arguments,
            idx=0,
            metadata=(question.task, None, 1),
        )

    def _sent(self, watched: Watched, rows: Sequence[Row], requests: list[Any]) -> Iterator[Completion]:
        """Rows answered by a chat server."""
        try:
            with quiet(self._options.verbose, "api"), without_bars(self._options.verbose):
                answers = watched.generate(requests)
        except Exception as error:  # none of a single request, which are watched
            if watched.sent or len(rows) == 1:
                for row in rows:
                    yield Completion(_part(row), error=Failure("adapter", first_line(error)))
                return
            for row, request in zip(rows, requests, strict=True):
                yield from self._sent(watched, [row], [request])
            return
        found = [completion_of(said, _part(row)) for said, row in zip(answers, rows, strict=True)]
        troubles = [one for one in found if isinstance(one, Trouble)]
        for row, one in zip(rows, found, strict=True):
            if isinstance(one, Completion):
                yield replace(one, texts=tuple(self._scrubbed(text) for text in one.texts))
            elif not one.ends_run and watched.reached:
                yield Completion(_part(row), error=replace(one.failure, message=self._scrubbed(one.failure.message)))
        for trouble in troubles:
            if trouble.ends_run or not watched.reached:
                raise FeabError(self._advice(trouble))

    def _computed(self, loaded: Loaded, rows: Sequence[Row], requests: list[Any]) -> Iterator[Completion]:
        """Rows answered by a model on this machine; where a batch fails, one by one."""
        start = time.perf_counter()
        try:
            with quiet(self._options.verbose, loaded.family), _seeded(loaded, rows):
                texts = loaded.lm.generate_until(requests, disable_tqdm=not self._options.verbose)
            if len(texts) != len(rows) or not all(isinstance(text, str) for text in texts):
                raise TypeError("lm-eval's class gave back something else than one text a request")
        except Exception as error:  # a model's own code may raise anything; it is one question's trouble, not the run's
            if len(rows) > 1:
                for row, request in zip(rows, requests, strict=True):
                    yield from self._computed(loaded, [row], [request])
            else:
                kind = "out_of_memory" if "OutOfMemory" in type(error).__name__ else "model"
                yield Completion(_part(rows[0]), error=Failure(kind, first_line(error)))
            return
        seconds = time.perf_counter() - start
        for row, text in zip(rows, texts, strict=True):
            yield Completion(_part(row), (text,) * row.same, latency_s=seconds)

    def _scrubbed(self, text: str) -> str:
        """Without the key, should a server have repeated it."""
        assert self._loaded is not None
        return scrubbed(text, str(self._loaded.lm.api_key))

    def _advice(self, trouble: Trouble) -> str:
        assert self._loaded is not None
        lm, endpoint = self._loaded.lm, self._loaded.endpoint
        key_env = "AZURE_OPENAI_API_KEY" if type(lm).__name__.startswith("Azure") else "OPENAI_API_KEY"
        where = endpoint.url if endpoint is not None else self.name
        told = advice(trouble, where, str(lm.model), key_env)
        if trouble.failure.kind in ("http_404", "http_405"):
            told += "; lm-eval wants the whole address, which ends in /v1/chat/completions"
        return self._scrubbed(told)


def _part(row: Row) -> Question:
    """The question narrowed to the draws that a row stands for."""
    return replace(row.question, first_draw=row.draw, n=row.same)


@contextmanager
def _seeded(loaded: Loaded, rows: Sequence[Row]) -> Iterator[None]:
    """Have transformers draw by a seed, which the whole batch shares: lm-eval gives it no other way."""
    first = rows[0].question
    if loaded.family != "hf" or first.sampling.temperature == 0:
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(derived_seed(first.sampling.seed, *first.key, rows[0].draw))
        yield


def _info(name: str, rest: str, options: LmEvalOptions, loaded: Loaded, card: ModelCard | None) -> ModelInfo:
    lm = loaded.lm
    matters: dict[str, Any] = {"class": rest, **options.identity()}
    details: dict[str, Any] = {"class": f"{type(lm).__module__}.{type(lm).__qualname__}"}
    if loaded.revision is not None:
        matters.pop("revision", None)
    if loaded.endpoint is not None:
        matters["base_url"] = loaded.endpoint.url
    parameters = card.parameters if card is not None else None
    if loaded.family == "hf":
        matters["dtype"] = str(lm.model.dtype).removeprefix("torch.")
        details["device"] = str(lm.device)
        parameters = sum(weight.numel() for weight in lm.model.parameters())
    if loaded.family == "api":
        details["num_concurrent"] = loaded.concurrent
        details |= forced(lm)
    else:
        details["batch_size"] = lm.batch_size
    used = [package for package in ("lm_eval", "torch", "transformers") if package in sys.modules]
    return ModelInfo(
        name=name,
        adapter="lm-eval",
        adapter_version=VERSION,
        revision=loaded.revision,
        args_that_change_answers=matters,
        local=loaded.local,
        endpoint=None if loaded.endpoint is None else loaded.endpoint.url,
        parameters=parameters,
        max_tokens=options.max_gen_toks,
        details={**details, **{package: version(package) for package in used}},
    )
