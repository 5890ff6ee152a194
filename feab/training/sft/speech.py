"""What of a conversation is learnt: the answers and the mark that ends each, found in any chat template's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feab.errors import FeabError
from feab.records import Message, Text
from feab.training.sft.talks import Talk

Turn = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A conversation as its model reads it, pictures still as placeholders."""

    text: str
    answers: tuple[tuple[int, int], ...]
    """Start and end, in characters, of each answer with the mark that ends it."""


class Speech:
    """Renders conversations with a processor's chat template.

    Where an answer begins is where the model would be asked to go on: at the end of what the template makes of the
    turns before, with the generation prompt. An answer that the template ends with no mark of the tokenizer's gets
    one, as LLaVA-1.5's own training gave it; without it the model would never learn to stop.
    """

    def __init__(self, processor: Any, ends: Sequence[str], template: str | None = None) -> None:
        """`ends`: the marks that end an answer, the tokenizer's own first."""
        self._processor = processor
        self._ends = tuple(ends)
        self._extra = {} if template is None else {"chat_template": template}

    def render(self, talk: Talk) -> Spoken:
        """The text, and where its answers are.

        Raises:
            FeabError: when the template writes a turn differently once others follow, so that no answer can be found.
        """
        found = self._rendered([_turn(message) for message in talk.messages], talk.id)
        if all(self._end_in(found.text[start:end]) for start, end in found.answers):
            return self._cut(found)
        ended = [_turn(m, self._ends[0] if m.role == "assistant" else "") for m in talk.messages]
        return self._cut(self._rendered(ended, talk.id))

    def _rendered(self, turns: Sequence[Turn], name: str) -> Spoken:
        text = self._apply(turns, False)
        answers = []
        for number, turn in enumerate(turns):
            if turn["role"] == "assistant":
                before, after = self._apply(turns[:number], True), self._apply(turns[: number + 1], False)
                if not (text.startswith(before) and text.startswith(after) and len(before) < len(after)):
                    raise FeabError(
                        f"record {name!r}: the model's chat template writes answer {number // 2 + 1} otherwise in a "
                        "conversation than when it asks for it, so it cannot be told what is to be learnt"
                    )
                answers.append((len(before), len(after)))
        return Spoken(text, tuple(answers))

    def _apply(self, turns: Sequence[Turn], prompt: bool) -> str:
        text = self._processor.apply_chat_template(
            list(turns), tokenize=False, add_generation_prompt=prompt, **self._extra
        )
        return str(text)

    def _end_in(self, answer: str) -> int:
        """Where the first mark in an answer ends; 0 without one."""
        places = [(at, at + len(mark)) for mark in self._ends if (at := answer.find(mark)) >= 0]
        return min(places)[1] if places else 0

    def _cut(self, spoken: Spoken) -> Spoken:
        """What follows the mark (a line break, a space) is the template's, not the answer's."""
        kept = [(start, start + self._end_in(spoken.text[start:end])) for start, end in spoken.answers]
        return Spoken(spoken.text, tuple(kept))


def end_marks(model: Any, tokenizer: Any) -> list[str]:
    """The marks at which a model stops writing, the tokenizer's own first.

    Raises:
        FeabError: when there is none.
    """
    named = getattr(model.generation_config, "eos_token_id", None)
    ids = [tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])]
    marks = [tokenizer.convert_ids_to_tokens(one) for one in dict.fromkeys(ids) if one is not None]
    if not marks:
        raise FeabError("the model's tokenizer has no mark that ends an answer (eos_token), so nothing can be learnt")
    return [str(mark) for mark in marks]


def _turn(message: Message, end: str = "") -> Turn:
    """A message as chat templates take it; `end` is put behind its last text."""
    parts = [{"type": "text", "text": p.text} if isinstance(p, Text) else {"type": "image"} for p in message.parts]
    if end:
        parts = [*parts[:-1], {"type": "text", "text": parts[-1].get("text", "") + end}]
    return {"role": message.role, "content": parts}
