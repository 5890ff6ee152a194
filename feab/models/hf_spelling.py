"""How an option is written after a prompt: with the space, and in the tokens, in which a model would answer so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feab.models.hf_caches import LruCache
from feab.records import Question, Text

_MARK = "\u2042"
"""Stands for an answer when it is looked up what a chat template writes around one."""

Ids = tuple[int, ...]
"""Tokens."""


class Speller:
    """The tokens of options as answers to prompts; each is looked up once."""

    def __init__(self, processor: Any, template: str | None, ends: Sequence[int]) -> None:
        """`ends`: the tokens that end an answer."""
        self._processor = processor
        self._template = {"chat_template": template} if template is not None else {}
        self._ends = ends
        self._frames: LruCache[str, tuple[str, Ids]] = LruCache(256)
        self._known: LruCache[tuple[str, str, bool], Ids] = LruCache(4096)

    def tokens(self, prompt: str, question: Question, spelling: str, *, ends: bool = False) -> Ids:
        """Of `spelling` after `prompt`, the rendered conversation of `question` with its images unexpanded.

        `ends`: with the token that ends an answer.
        """
        known = self._known.get((prompt, spelling, ends))
        if known is None:
            space, end = self.frame(prompt, question)
            known = (*self._tokens(prompt, space + spelling), *(end if ends else ()))
            self._known.put((prompt, spelling, ends), known)
        return known

    def frame(self, prompt: str, question: Question) -> tuple[str, Ids]:
        """What the chat template puts before an answer, if that is white space, and the token that it puts after it.

        Where the template does not say: a space after a colon, as in "Assistant:", else nothing; and the first of the
        tokens that may end an answer (our choice).
        """
        found = self._frames.get(prompt)
        if found is None:
            found = self._looked_up(prompt, question)
            self._frames.put(prompt, found)
        return found

    def _tokens(self, prompt: str, answer: str) -> Ids:
        before, both = self._encode(prompt), self._encode(prompt + answer)
        # The prompt stays in its own tokens, even if its end and the answer would make one together.
        return both[len(before) :] if both[: len(before)] == before else self._encode(answer)

    def _encode(self, text: str) -> Ids:
        return tuple(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _looked_up(self, prompt: str, question: Question) -> tuple[str, Ids]:
        turns: list[dict[str, Any]] = [
            {
                "role": message.role,
                "content": [
                    {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image"}
                    for part in message.parts
                ],
            }
            for message in question.messages
        ]
        answer = {"role": "assistant", "content": [{"type": "text", "text": _MARK}]}
        try:
            whole = str(self._processor.apply_chat_template([*turns, answer], tokenize=False, **self._template))
        except Exception:  # a template may refuse an answer's turn in any way it likes
            whole = ""
        before, mark, after = whole[len(prompt) :].partition(_MARK)
        known = whole.startswith(prompt) and mark and not before.strip()
        end = self._encode(after)[:1] if known else ()
        if not set(end) & set(self._ends):
            end = tuple(self._ends[:1])
        return (before if known else " " if prompt.endswith(":") else ""), end
