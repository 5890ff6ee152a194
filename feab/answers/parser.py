"""The ladder from a completion's text to an `Answer`.

From strict to lenient: answer tags and boxes, JSON, "Final answer:", then running text. A stricter place that exists
but cannot be read ends the search: `<answer>unhappiness</answer>` is not rescued by a word further up. Places of the
same rank must agree; two tags or JSON objects with different values are no answer (our choice, since the last one may
be a correction or a second face).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from feab.answers.action_units import ActionUnitReader
from feab.answers.expression import ExpressionReader
from feab.answers.jsonish import find_json
from feab.answers.lexicon import as_labels
from feab.answers.page import Page, open_page
from feab.answers.reading import UNREADABLE, Reader, Reading, Result, agree
from feab.answers.refusals import reads_as_refusal
from feab.answers.regions import announced, tagged, windows
from feab.answers.valence_arousal import ValenceArousalReader
from feab.records import Answer, Outcome
from feab.vocabulary import EXPRESSIONS, FEAB_17, Kind

_DECLINED = ("content_filter", "refusal")


def parse(
    text: str,
    kind: Kind,
    labels: Sequence[str] | None = None,
    *,
    finish_reason: str = "stop",
    aus: Sequence[int] | None = None,
) -> Answer:
    """Read what a model answered: a label of `labels`, (valence, arousal) in [-1, 1], or a set of AU numbers.

    Args:
        text: the completion, of any length and content; thinking parts are never read.
        kind: "expression", "valence_arousal" or "action_units".
        labels: the expression labels asked for (default: the eight), returned as written here; known aliases ("happy")
            lead to the list's form. For action units, the AU numbers as text.
        finish_reason: why generation ended; "length", "content_filter" and "refusal" matter.
        aus: the AU numbers asked for (default: `labels` if given, else FEAB-17).

    Returns:
        An answer with outcome ok and a value if one can be read; otherwise value None and outcome `truncated` (cut by
        the token limit), `refused`, or `unparsable`. It never raises, and prefers unparsable to a doubtful value.
    """
    cut = finish_reason == "length"
    page = open_page(text, cut=cut)
    refusal = finish_reason in _DECLINED or reads_as_refusal(page.bare)
    page = replace(page, wary=refusal and finish_reason not in _DECLINED)
    found = _climb(page, _reader(kind, labels, aus))
    if isinstance(found, Reading):
        span = (found.start + page.offset, found.end + page.offset)
        return Answer(found.value, Outcome.OK, span, found.ignored)
    if cut:
        return Answer(None, Outcome.TRUNCATED)
    return Answer(None, Outcome.REFUSED if refusal else Outcome.UNPARSABLE)


def _reader(kind: Kind, labels: Sequence[str] | None, aus: Sequence[int] | None) -> Reader:
    if kind == "expression":
        return ExpressionReader(EXPRESSIONS if labels is None else as_labels(labels))
    if kind == "valence_arousal":
        return ValenceArousalReader()
    if aus is None and labels is not None:
        aus = [int(digits[0]) for label in as_labels(labels) if (digits := re.search(r"\d{1,3}", label))]
    return ActionUnitReader(frozenset(FEAB_17 if aus is None else aus))


def _climb(page: Page, reader: Reader) -> Result:
    regions = tagged(page, reader.tags)
    if regions:
        return agree(_region(page, a, b, reader) or UNREADABLE for a, b in regions)
    return _region(page, 0, len(page.bare), reader)


def _region(page: Page, start: int, end: int, reader: Reader) -> Result:
    objects = []
    for value, a, b in find_json(page.plain, start, end):
        if (read := reader.data(value)) is not None:
            objects.append(replace(read, start=a, end=b) if isinstance(read, Reading) else read)
    if (found := agree(objects)) is not None:
        return found
    if cues := announced(page, start, end):
        return agree(_announced(page, cue, reader) for cue in cues) or UNREADABLE
    return reader.text(page, start, end)


def _announced(page: Page, region: tuple[int, int], reader: Reader) -> Result:
    """The first window after a cue that can be read; a window that holds a wrong answer does not widen."""
    result: Result = None
    for a, b in windows(page, region, reader.whole_block):
        result = reader.text(page, a, b)
        if result is not None:
            return result
    return result
