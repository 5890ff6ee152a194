"""Takes the thinking parts out of a completion: what a model weighs on the way is not its answer."""

from __future__ import annotations

import re

_THINK = (
    r"think(?:ing)?|thoughts?|seed:think|reason(?:ing)?|analysis|reflection|scratchpad|rationale|observations?|"
    r"summary|caption"
)
_EVENT = re.compile(
    rf"(?P<close></(?:{_THINK})\s*>|◁/think▷|\[/THINK\]|<\|end_of_thought\|>|<\|/think(?:ing)?\|>)"
    rf"|(?P<open><(?:{_THINK})\s*>|◁think▷|\[THINK\]|<\|begin_of_thought\|>|<\|think(?:ing)?\|>)"
    r"|(?P<analysis><\|channel\|>\s?analysis(?:\s?<\|message\|>)?)"
    r"|(?P<final><\|end\|>|<\|channel\|>\s?final(?:\s?<\|message\|>)?)",
    re.IGNORECASE,
)


def without_thinking(text: str) -> str:
    """`text` with every thinking part blanked, at the same length.

    A part that never closes runs to the end of the text; a closing tag without an opening one (templates that put the
    opening tag in the prompt) closes a part that began with the text.
    """
    begin: int | None = None
    harmony = False  # inside a part that only <|end|> or the final channel closes
    parts: list[tuple[int, int]] = []
    for event in _EVENT.finditer(text):
        if event["open"] or event["analysis"]:
            if begin is None:
                begin, harmony = event.start(), event["analysis"] is not None
        elif event["close"]:
            if begin is None:
                parts = [(0, event.end())]
            elif not harmony:
                parts.append((begin, event.end()))
                begin = None
        elif begin is not None and harmony:
            parts.append((begin, event.end()))
            begin = None
    if begin is not None:
        parts.append((begin, len(text)))
    if not parts:
        return text
    pieces: list[str] = []
    at = 0
    for start, end in parts:
        pieces += [text[at:start], "\n" * min(1, end - start), " " * (end - start - 1)]
        at = end
    return "".join([*pieces, text[at:]])
