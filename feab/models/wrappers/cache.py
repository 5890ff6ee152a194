"""Around a model: answers that were given before, to exactly the same question, are not asked for again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby
from os import PathLike

from feab.errors import FeabError
from feab.models.protocol import Model, ModelInfo
from feab.models.wrappers.cache_store import AnswerStore, Kept, answer_key
from feab.models.wrappers.streams import closing_stream
from feab.records import Completion, Likelihood, Question, Usage
from feab.schemas import likelihoods_info

HELD = 256
"""Answers found in a row that wait while the model is working; then it finishes what it has, and they go first."""


def with_cache(model: Model, folder: str | PathLike[str]) -> Model:
    """The model, answering from the cache in a folder where it can, and keeping there what it answers.

    The key is the sha256 of the image bytes, the exact messages, all parameters, the model, its revision and endpoint,
    the adapter and its version, and the number of the draw. Errors are never kept; refusals and truncated answers are
    what the model says to that question, and are (our choice).

    Raises:
        FeabError: when the folder holds a cache that cannot be used.
    """
    return CachedModel(model, AnswerStore(folder))


class CachedModel:
    """A model with a memory. An answer out of it has no latency, and cost no tokens."""

    def __init__(self, model: Model, store: AnswerStore) -> None:
        self._model = model
        self._store = store
        self._hits = 0
        self._misses = 0

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    @property
    def info(self) -> ModelInfo:
        """The wrapped model's, with hits and misses among the details."""
        info = self._model.info
        return replace(info, details={**info.details, "cache": {"hits": self._hits, "misses": self._misses}})

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer what is known, and ask the model the rest; see `feab.models.Model`.

        Raises:
            FeabError: what the model raises, or when the cache cannot be read or written. An answer that cannot be kept
                is handed over first.
        """
        search = _Search(self._model.info, self._store, questions)
        while not search.exhausted:
            missing = search.missing()
            first = next(missing, None)
            if first is not None:  # a model that has nothing to do need not start its threads
                with closing_stream(self._model.generate(chain((first,), missing))) as completions:
                    for completion in completions:
                        problem = self._keep(search, completion)
                        yield completion
                        if problem is not None:
                            raise problem
                        yield from self._found(search)
            yield from self._found(search)

    def close(self) -> None:
        """Close the cache, then the model."""
        self._store.close()
        self._model.close()

    def _found(self, search: _Search) -> Iterator[Completion]:
        while search.found:
            completion = search.found.popleft()
            self._hits += completion.question.n
            yield completion

    def _keep(self, search: _Search, completion: Completion) -> FeabError | None:
        keys = search.keys_of(completion.question)
        self._misses += completion.question.n
        if completion.error is not None or len(keys) != len(completion.texts):
            return None
        reasons = completion.finish_reasons
        probabilities = None if completion.probabilities is None else dict(completion.probabilities)
        try:
            likelihoods = likelihoods_info(completion)
            kept = {
                key: Kept(
                    text=text,
                    finish_reason=reasons[i] if i < len(reasons) else "unknown",
                    probabilities=probabilities,
                    likelihoods=likelihoods,
                )
                for i, (key, text) in enumerate(zip(keys, completion.texts, strict=True))
            }
        except ValueError:  # an answer that no run would keep either: over-long, or a probability of 1.2
            return None
        try:
            self._store.put(kept)
        except FeabError as error:
            return error
        return None


class _Search:
    """Goes through questions, sorting their draws into those that are known and those that must be asked."""

    def __init__(self, info: ModelInfo, store: AnswerStore, questions: Iterable[Question]) -> None:
        self.found: deque[Completion] = deque()
        self.exhausted = False
        self._info = info
        self._store = store
        self._source = iter(questions)
        self._keys: dict[tuple[tuple[str, str, str], int], bytes] = {}

    def missing(self) -> Iterator[Question]:
        """Questions to ask, until too many known answers are waiting."""
        while len(self.found) < HELD:
            question = next(self._source, None)
            if question is None:
                self.exhausted = True
                return
            yield from self._asked(question)

    def keys_of(self, question: Question) -> list[bytes]:
        """The keys of a question's draws, as they were before it was asked; each is given once."""
        draws = range(question.first_draw, question.first_draw + question.n)
        found = [self._keys.pop((question.key, draw), None) for draw in draws]
        return [key for key in found if key is not None]

    def _asked(self, question: Question) -> Iterator[Question]:
        draws = range(question.first_draw, question.first_draw + question.n)
        try:
            keys = [answer_key(self._info, question, draw) for draw in draws]
        except OSError:
            yield question  # the adapter says what is wrong with its image
            return
        kept = dict(zip(draws, self._store.get(keys), strict=True))
        for known, group in groupby(draws, key=lambda draw: kept[draw] is not None):
            some = list(group)
            part = replace(question, first_draw=some[0], n=len(some))
            if known:
                self.found.extend(_remembered(part, draw, kept[draw]) for draw in some)
            else:
                self._keys.update(((question.key, draw), keys[draw - question.first_draw]) for draw in some)
                yield part


def _remembered(question: Question, draw: int, kept: Kept | None) -> Completion:
    assert kept is not None
    return Completion(
        replace(question, first_draw=draw, n=1),
        (kept.text,),
        (kept.finish_reason,),
        Usage(input_tokens=0, output_tokens=0),
        probabilities=kept.probabilities,
        likelihoods=None
        if kept.likelihoods is None
        else {name: Likelihood(one.logprob, one.tokens) for name, one in kept.likelihoods.items()},
    )
