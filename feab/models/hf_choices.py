"""Scoring by choices on a transformers model: how likely it is to answer with each option of a closed set."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from feab.models.choices import added, around, chosen, likelihood, weighs_lists
from feab.models.faceinfo.priors import QUESTION
from feab.models.hf_generate import BatchSize
from feab.models.hf_inputs import InputMaker, Prepared
from feab.models.hf_memory import is_out_of_memory
from feab.models.hf_passes import Item, Passes, Target
from feab.models.hf_spelling import Ids, Speller
from feab.models.images import first_line
from feab.records import Closed, Completion, Failure, Likelihood, Message, Question, Usage


@dataclass(frozen=True, slots=True)
class _Made:
    """A question ready for the model."""

    items: tuple[Item, ...]
    spelled: tuple[Mapping[str, Ids], ...]
    """For each closed question: a spelling -> its tokens."""

    @property
    def tokens(self) -> int:
        """Tokens that go through the model where caches are shared."""
        return sum(item.prefix + sum(map(len, item.rows)) for item in self.items)


class ChoiceScorer:
    """Answers closed questions on a loaded model."""

    def __init__(self, model: Any, maker: InputMaker, speller: Speller, size: BatchSize, *, verbose: bool) -> None:
        self._maker = maker
        self._speller = speller
        self._size = size
        self._image_token = getattr(model.config, "image_token_id", getattr(model.config, "image_token_index", None))
        self._video_token = getattr(model.config, "video_token_id", None)
        self.passes = Passes(model, size, verbose)

    def answers(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer closed questions in their order; at most as many are pulled ahead as there are rows in a batch.

        `latency_s` is the wall time of all that were pulled together.
        """
        source = iter(questions)
        while several := list(islice(source, self._size.value)):
            start = time.perf_counter()
            made = [self._made(number, question) for number, question in enumerate(several)]
            failures = {number: one for number, one in enumerate(made) if isinstance(one, Failure)}
            scores: dict[int, dict[tuple[int, Ids], float]] = {number: {} for number in range(len(several))}
            items = [item for one in made if not isinstance(one, Failure) for item in one.items]
            for batch in self._batches(items):
                self._score(batch, scores, failures)
            seconds = time.perf_counter() - start
            for number, (question, one) in enumerate(zip(several, made, strict=True)):
                if number in failures or isinstance(one, Failure):
                    yield Completion(question, error=failures[number], latency_s=seconds)
                else:
                    found = _likelihoods(question, one, scores[number])
                    yield chosen(question, found, Usage(one.tokens, 0), seconds)

    def weighed(self, written: Iterable[Completion]) -> Iterator[Completion]:
        """Hand answers on; of lists of action units, those weighed with and without each unit."""
        lists: dict[tuple[str, str, str], Completion] = {}
        for one in written:
            if weighs_lists(one.question) and one.error is None:
                lists[one.question.key] = one
            else:
                yield one
        for one in self.answers([around(own.question, own.texts[0]) for own in lists.values()]):
            yield added(lists[one.question.key], one)

    def _made(self, number: int, question: Question) -> _Made | Failure:
        """The question's inputs, or why there are none."""
        alone = [replace(question, messages=one.messages, closed=()) for one in question.closed]
        same: dict[tuple[Message, ...], Prepared] = {}
        prepared = [same.get(one.messages) or same.setdefault(one.messages, self._maker.prepare(one)) for one in alone]
        for one in prepared:
            if one.failure is not None:
                return one.failure
        spelled = [
            {text: self._speller.tokens(ready.text, asked, text, ends=one.ends) for text in _spellings(one)}
            for one, ready, asked in zip(question.closed, prepared, alone, strict=True)
        ]
        if not all(ids for of_one in spelled for ids in of_one.values()):
            return Failure("prompt", "an option has no tokens of its own after this prompt")
        prompts = [_ids(one) for one in prepared]
        groups = [list(range(len(prompts)))]
        if len(same) > 1 and (_tells_questions_apart(prepared) or not self._holds_images(prompts[0], _common(prompts))):
            # A face module that is told what is asked, or a template that puts the words before the image.
            groups = [[place] for place in range(len(prompts))]
        items = [_item(number, group, prepared, prompts, spelled) for group in groups]
        return _Made(tuple(items), tuple(spelled))

    def _holds_images(self, prompt: Ids, prefix: int) -> bool:
        """Whether all images of a prompt lie within its first tokens; no where their tokens are not known."""
        return self._image_token is not None and not {self._image_token, self._video_token}.intersection(
            prompt[prefix:]
        )

    def _batches(self, items: Sequence[Item]) -> Iterator[list[Item]]:
        by_shape: dict[Hashable, list[Item]] = {}
        for item in items:
            by_shape.setdefault(item.shape, []).append(item)
        for like in by_shape.values():
            waiting = list(like)
            while waiting:
                several = max(1, self._size.value // len(waiting[0].rows))
                yield waiting[:several]
                waiting = waiting[several:]

    def _score(
        self, batch: Sequence[Item], scores: dict[int, dict[tuple[int, Ids], float]], failures: dict[int, Failure]
    ) -> None:
        """Score a batch, in halves where it fails; what fails by itself is one question's trouble, not the run's."""
        rows = min(len(batch) * len(batch[0].rows), self._size.value)
        try:
            found = self.passes.logprobs(batch)
        except Exception as error:  # a model's own code may raise anything
            no_room = is_out_of_memory(error)
            failure = Failure("out_of_memory" if no_room else "model", first_line(error))
        else:
            for item, logprobs in zip(batch, found, strict=True):
                for target, logprob in zip(item.targets, logprobs, strict=True):
                    scores[item.number][target.place, target.option] = logprob
            return
        if no_room and rows > 1:
            self._size.ran_out(rows)
        elif len(batch) == 1:
            failures[batch[0].number] = failure
            return
        half = (len(batch) + 1) // 2
        for part in (batch[:half], batch[half:]):
            if part:
                self._score(part, scores, failures)


def _spellings(one: Closed) -> Iterator[str]:
    return (text for option in one.options for text in option.spellings)


def _ids(prepared: Prepared) -> Ids:
    assert prepared.fields is not None
    return tuple(prepared.fields["input_ids"][0].tolist())


def _tells_questions_apart(prepared: Sequence[Prepared]) -> bool:
    """Whether an input that is not of the prompt's tokens says what is asked, and says different things."""
    said = [one.fields[QUESTION] for one in prepared if one.fields is not None and QUESTION in one.fields]
    return any(not bool((one == said[0]).all()) for one in said)


def _common(prompts: Sequence[Ids]) -> int:
    """How many tokens all prompts begin with, leaving each one of its own."""
    shortest = min(map(len, prompts)) - 1
    first = prompts[0]
    return next((i for i in range(shortest) if any(one[i] != first[i] for one in prompts)), shortest)


def _item(
    number: int,
    group: Sequence[int],
    prepared: Sequence[Prepared],
    prompts: Sequence[Ids],
    spelled: Sequence[Mapping[str, Ids]],
) -> Item:
    """Closed questions that share a prefix, with as few rows as hold all their options."""
    prefix = _common([prompts[place] for place in group])
    wanted = [(place, prompts[place][prefix:], option) for place in group for option in set(spelled[place].values())]
    rows: list[Ids] = []
    targets: list[Target] = []
    # The longest first: what a shorter option needs may be the beginning of a row that is there.
    for place, rest, option in sorted(wanted, key=lambda one: (-len(one[1]) - len(one[2]), one)):
        needed = (*rest, *option[:-1])
        row = next((i for i, there in enumerate(rows) if there[: len(needed)] == needed), len(rows))
        if row == len(rows):
            rows.append(needed)
        targets.append(Target(place, option, row, len(rest) - 1))
    fields = prepared[group[0]].fields
    assert fields is not None
    return Item(number, fields, prefix, tuple(rows), tuple(sorted(targets, key=lambda target: target.row)))


def _likelihoods(
    question: Question, made: _Made, scores: Mapping[tuple[int, Ids], float]
) -> list[dict[str, Likelihood]]:
    found = []
    for place, (one, spelled) in enumerate(zip(question.closed, made.spelled, strict=True)):
        said = {text: (scores[place, ids], len(ids)) for text, ids in spelled.items()}
        found.append({option.name: likelihood(option, said) for option in one.options})
    return found
