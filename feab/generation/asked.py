"""What a question of SEKE is about, told from the question: levels, contexts and candidates, and how to show it."""

from __future__ import annotations

import json

from feab.errors import FeabError
from feab.generation.record import LEVELS, Level
from feab.knowledge import load_action_units
from feab.records import Question, Text
from feab.tasks.task import AXES
from feab.vocabulary import EXPRESSIONS

TASK = "seke"
"""`Question.task` of all of SEKE's questions."""

NEITHER = "neither"
"""What a verifier says that finds both expressions wrong."""

PRESENT, ABSENT = "present", "absent"
"""What may be said of an action unit."""

FITS, TOO_LOW, TOO_HIGH = "fits", "too low", "too high"
"""What may be said of a rating; "too low": what the face shows lies above it."""


def question_text(question: Question) -> str:
    """A question as a person would want to read it: its words, where pictures stand, options and answer's schema."""
    lines = [f"task {question.task}, sample {question.sample}, prompt {question.prompt}, {question.n} draws", ""]
    for message in question.messages:
        lines.append(f"{message.role}:")
        lines += [part.text if isinstance(part, Text) else "[picture]" for part in message.parts]
    return "\n".join([*lines, "", "schema:", json.dumps(question.schema, ensure_ascii=False)])


def levels_asked(question: Question) -> tuple[Level, ...]:
    """The levels that an annotation question asks for, in the order of `LEVELS`; none for a verification."""
    fields = (question.schema or {}).get("properties", {})
    found = {"expression": "expression" in fields, "valence_arousal": "valence" in fields}
    return tuple(one for one in LEVELS if found.get(one, one in fields))


def read_prompt(prompt: str) -> int | tuple[str, str]:
    """What a question's `prompt` names: the number of a context, or what was verified (about, candidate).

    Raises:
        FeabError: when it names neither.
    """
    kind, *rest = prompt.split("-", 2)
    if not rest and kind[:1] == "c" and kind[1:].isascii() and kind[1:].isdigit() and len(kind) < 10:
        return int(kind[1:])
    if kind == "v" and len(rest) == 2:
        about, candidate = rest
        check_candidate(about, candidate)
        return about, candidate
    raise FeabError(f"prompt {prompt!r:.80} is none of SEKE's")


def level_of(about: str) -> Level:
    """The level of what is verified: "expression", "valence", "arousal", or an action unit's number as text.

    Raises:
        FeabError: when it is none of them.
    """
    if about == "expression":
        return "expression"
    if about in AXES:
        return "valence_arousal"
    if about.isascii() and about.isdigit() and len(about) < 3 and int(about) in load_action_units():
        return "action_units"
    raise FeabError(f"{about!r:.80} cannot be verified: write expression, valence, arousal, or an action unit's number")


def check_candidate(about: str, candidate: str, foil: str | None = None) -> None:
    """Refuse what cannot be verified; without a foil, only the candidate is looked at.

    Raises:
        FeabError: when candidate or foil is none.
    """
    kind = level_of(about)
    if kind == "valence_arousal":
        try:
            right = -1 <= float(candidate) <= 1
        except ValueError:
            right = False
        options = "a number from -1 to 1"
    else:
        known = EXPRESSIONS if kind == "expression" else (PRESENT, ABSENT)
        right = candidate in known and (foil is None or (foil in known and foil != candidate))
        options = f"two of {', '.join(known)}"
    if not right:
        words = candidate if foil is None else f"{candidate}, {foil}"
        raise FeabError(f"verification of {about}: candidate and foil must be {options}, not {words:.80}")
