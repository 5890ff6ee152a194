"""Around a model: it is asked as long as the next question cannot cost more than what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from feab.errors import FeabError
from feab.models.cards import Price
from feab.models.images import pictures_of
from feab.models.protocol import Model, ModelInfo
from feab.models.wrappers.streams import closing_stream
from feab.records import Completion, Message, Question, Text

BYTES_PER_TOKEN = 4
"""Of English text, roughly, in every tokenizer in use: what an estimate of cost assumes (our choice)."""

_SAFE_BYTES_PER_TOKEN = 2
_FRAME_TOKENS = 64
"""What roles, templates and instructions of the server add to a question, at the most we expect."""
_SAFE_IMAGE = 1.1

_MAYBE_BILLED = frozenset({"malformed", "shape", "empty", "too_large", "timeout"})
"""Failures after which a server has answered, or may have, and bills it. One that refuses or is not there does not."""


class BudgetReached(FeabError):  # noqa: N818
    """The next question could cost more than is left of the budget. Nothing is under way."""


def text_bytes(question: Question) -> int:
    """Bytes of text that a question sends, images left out; of closed questions, all of them."""
    texts = (part.text for one in sent(question) for message in one for part in message.parts if isinstance(part, Text))
    return sum(len(text.encode("utf-8", "replace")) for text in texts)


def sent(question: Question) -> list[tuple[Message, ...]]:
    """The conversations that are sent for a question: one, or that of each closed question."""
    return [one.messages for one in question.closed] or [question.messages]


def images_sent(question: Question) -> int:
    """Images that are sent for a question: its own, once for each conversation."""
    return len(pictures_of(question)) * len(sent(question))


def longest_answer(question: Question, limit: int | None) -> int:
    """Tokens that are written for a question at the most; `limit` stands in for the prompt's own.

    A closed question is answered by a token each.
    """
    return len(question.closed) or limit or question.sampling.max_tokens


def with_budget(
    model: Model, price: Price, most_usd: float, *, spent_usd: float = 0.0, image_tokens: int | None = None
) -> Model:
    """The model, which ends with `BudgetReached` before `most_usd` could be exceeded.

    What a question could cost is reckoned on the safe side: two bytes of text a token, an image as the largest seen so
    far, an answer of full length. While it is not known what an image takes, one question is asked alone.

    Args:
        model: whom to ask.
        price: dollars per million tokens.
        most_usd: the most that may be spent in all.
        spent_usd: what was spent before.
        image_tokens: input tokens an image takes, where known.
    """
    return BudgetedModel(model, _Account(model.info, price, most_usd, spent_usd, image_tokens))


class BudgetedModel:
    """A model with a purse."""

    def __init__(self, model: Model, account: _Account) -> None:
        self._model = model
        self._account = account

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    @property
    def info(self) -> ModelInfo:
        """The wrapped model's."""
        return self._model.info

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Ask in turns: each ends when what is under way might use up the rest; the next begins with what it did.

        Raises:
            BudgetReached: when not even one more question is sure to be within the budget.
            FeabError: what the model raises; or when neither the card nor the server says what an image costs.
        """
        source = iter(questions)
        turn = _Turn(self._account, source, next(source, None))
        while turn.next_up is not None:
            self._account.check(turn.next_up)
            with closing_stream(self._model.generate(turn.questions())) as completions:
                for completion in completions:
                    self._account.settle(completion)
                    yield completion
            turn = _Turn(self._account, source, turn.next_up)

    def close(self) -> None:
        """Close the model."""
        self._model.close()


class _Account:
    """What was spent, and what the questions under way could still cost."""

    def __init__(
        self, info: ModelInfo, price: Price, most_usd: float, spent_usd: float, image_tokens: int | None
    ) -> None:
        self._info = info
        self._price = price
        self._most = most_usd
        self._spent = spent_usd
        self._image_tokens = image_tokens
        self._silent = False
        self._under_way: dict[tuple[tuple[str, str, str], int], float] = {}

    def check(self, question: Question) -> None:
        """Whether to go on, with nothing under way.

        Raises:
            BudgetReached: when the question might cost more than what is left.
            FeabError: when that can never be known.
        """
        if not self.fits(question):
            raise BudgetReached(
                f"stopped before ${self._most:.4f} would be exceeded: ${self._spent:.4f} are spent, and the next "
                f"question could cost up to ${self._worst(question):.4f}"
            )
        if self._silent and self.in_the_dark(question):
            raise FeabError(
                f"{self._info.name}: neither does the server say how many tokens were used, nor the model's card how "
                "many an image takes (image_tokens), so that no limit of cost can be kept"
            )

    def fits(self, question: Question) -> bool:
        """Whether the question is sure to be within the budget, whatever becomes of those under way."""
        return self._spent + sum(self._under_way.values()) + self._worst(question) <= self._most

    def in_the_dark(self, question: Question) -> bool:
        """Whether it shows an image, and nothing is known yet of what an image takes."""
        return self._image_tokens is None and bool(pictures_of(question))

    def reserve(self, question: Question) -> None:
        """Count what the question could cost, until it is settled."""
        each = self._worst(question) / question.n
        for draw in range(question.first_draw, question.first_draw + question.n):
            self._under_way[question.key, draw] = each

    def settle(self, completion: Completion) -> None:
        """Put what it cost in the place of what was reserved; where nothing is said, an answer costs all of that.

        So does a failure that may have been billed: a reply came that could not be read, or none came in time.
        """
        question, usage = completion.question, completion.usage
        draws = range(question.first_draw, question.first_draw + question.n)
        reserved = sum(self._under_way.pop((question.key, draw), 0.0) for draw in draws)
        if usage.input_tokens is not None or usage.output_tokens is not None:
            self._spent += self._price.of(usage.input_tokens or 0, usage.output_tokens or 0)
            self._learn(question, usage.input_tokens or 0)
        elif completion.error is None:
            self._spent += reserved
            self._silent = True
        elif completion.error.kind in _MAYBE_BILLED:
            self._spent += reserved

    def _learn(self, question: Question, input_tokens: int) -> None:
        images = images_sent(question)
        if images and input_tokens:  # none for an answer out of the cache
            text = text_bytes(question) // (2 * BYTES_PER_TOKEN)
            self._image_tokens = max(self._image_tokens or 0, max(1, input_tokens - text) // images)

    def _worst(self, question: Question) -> float:
        """Dollars a question costs at the most: all its draws asked for one by one, each answer of full length."""
        tokens = text_bytes(question) / _SAFE_BYTES_PER_TOKEN + _FRAME_TOKENS * len(sent(question))
        tokens += images_sent(question) * (self._image_tokens or 0) * _SAFE_IMAGE
        return question.n * self._price.of(tokens, longest_answer(question, self._info.max_tokens))


class _Turn:
    """Questions that are sure to be within the budget together, taken from a stream."""

    def __init__(self, account: _Account, source: Iterator[Question], first: Question | None) -> None:
        self.next_up = first
        """The question that comes after those given; None at the end."""
        self._account = account
        self._source = source

    def questions(self) -> Iterator[Question]:
        """As many as fit, or one, while it is not known what an image takes."""
        while self.next_up is not None and self._account.fits(self.next_up):
            question = self.next_up
            alone = self._account.in_the_dark(question)
            self._account.reserve(question)
            self.next_up = next(self._source, None)
            yield question
            if alone:
                return
