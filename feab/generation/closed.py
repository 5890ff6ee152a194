"""Short closed questions: which option is right, where it stands, and how often it is yes, are dealt from decks."""

from __future__ import annotations

import string
from collections.abc import Callable

from feab.data.feid.record import FeidLabels
from feab.generation.phrases import about_unit, label_words, medium_of, stratum
from feab.generation.templates import fill
from feab.generation.turns import Turn, Wording

FEWEST, MOST_LETTERS = 2, 5
"""Options of a question about the expression; of one with letters at the most."""

CLEAR = 0.1
"""Least valence or arousal, either way, of which is asked on which side it lies (our choice)."""

_SIDES = {"valence": ("pleasant", "unpleasant"), "arousal": ("activated", "calm")}


def closed_turns(wording: Wording, labels: FeidLabels, pictures: int, count: int) -> list[Turn]:
    """Up to `count` closed questions about a face, each of another kind; as many as its labels allow."""
    kinds: dict[str, Callable[[Wording, FeidLabels, dict[str, str]], Turn]] = {}
    present, absent = labels.action_units or frozenset(), labels.coded - (labels.action_units or frozenset())
    if labels.expression is not None:
        kinds |= {"expression": _expression, "letter": _letter}
    if labels.action_units is not None and labels.coded:
        kinds |= {"unit": _unit, "seen": _seen}
    if present and absent:
        kinds["which"] = _which
    if labels.valence_arousal is not None:
        if abs(labels.valence_arousal[0]) >= CLEAR:
            kinds["valence"] = _valence
        if abs(labels.valence_arousal[1]) >= CLEAR:
            kinds["arousal"] = _arousal
    left = sorted(kinds)
    turns: list[Turn] = []
    medium = {"medium": medium_of(pictures)}
    while left and len(turns) < count:
        kind = wording.decks.least_used(("closed",), left)
        left.remove(kind)
        turns.append(kinds[kind](wording, labels, medium))
    return turns


def category_turn(wording: Wording, labels: FeidLabels, pictures: int) -> Turn:
    """FERID's category question: one label of all."""
    count = len(wording.offered(labels.expression))
    return _labelled(wording, labels, {"medium": medium_of(pictures)}, "ferid.category", count)


def _options(wording: Wording, label: str, count: int) -> list[str]:
    """`count` labels in random order; the places of the right one are dealt evenly."""
    pool = [one for one in wording.offered(label) if one != label]
    others = wording.decks.shuffled(("others", label), pool)[: count - 1]
    others.insert(wording.decks.number(("place", label), count), label)
    return others


def _expression(wording: Wording, labels: FeidLabels, medium: dict[str, str]) -> Turn:
    most = len(wording.offered(labels.expression))
    count = FEWEST + wording.decks.number(("options", str(labels.expression)), most - FEWEST + 1)
    return _labelled(wording, labels, medium, "choice.expression", count)


def _labelled(wording: Wording, labels: FeidLabels, medium: dict[str, str], name: str, count: int) -> Turn:
    assert labels.expression is not None
    q, question = wording.pick(f"{name}.questions", labels.expression)
    a, answer = wording.pick(f"{name}.answers", labels.expression)
    options = ", ".join(_options(wording, labels.expression, count))
    values = medium | label_words(labels.expression, wording.templates.words) | {"options": options}
    return Turn(fill(question, values), fill(answer, values), f"{name}/q{q}/a{a}", ("expression",))


def _letter(wording: Wording, labels: FeidLabels, medium: dict[str, str]) -> Turn:
    assert labels.expression is not None
    q, question = wording.pick("choice.letter.questions", labels.expression)
    a, answer = wording.pick("choice.letter.answers", labels.expression)
    most = min(MOST_LETTERS, len(wording.offered(labels.expression)))
    count = FEWEST + wording.decks.number(("letters", labels.expression), most - FEWEST + 1)
    options = _options(wording, labels.expression, count)
    lettered = "\n".join(f"{letter}. {one}" for letter, one in zip(string.ascii_uppercase, options, strict=False))
    letter = string.ascii_uppercase[options.index(labels.expression)]
    values = medium | {"lettered": lettered, "letter": letter, "label": labels.expression}
    return Turn(fill(question, values), fill(answer, values), f"choice.letter/q{q}/a{a}", about="expression")


def _unit(wording: Wording, labels: FeidLabels, medium: dict[str, str]) -> Turn:
    return _yes_or_no(wording, labels, medium, "choice.unit")


def _seen(wording: Wording, labels: FeidLabels, medium: dict[str, str]) -> Turn:
    return _yes_or_no(wording, labels, medium, "choice.seen")


def _yes_or_no(wording: Wording, labels: FeidLabels, medium: dict[str, str], name: str) -> Turn:
    """About the unit that was least asked about with its answer, so that no unit is nearly always a yes or a no."""
    assert labels.action_units is not None
    absent = labels.coded - labels.action_units
    sides = [side for side, aus in (("yes", labels.action_units), ("no", absent)) if aus]
    side = wording.decks.least_used((name,), sides)
    aus = sorted(labels.action_units if side == "yes" else absent)
    au = int(wording.decks.least_used((name, side), [str(au) for au in aus]))
    q, question = wording.pick(f"{name}.questions", f"{side} {au}")
    a, answer = wording.pick(f"{name}.answers_{side}", str(au))
    values = medium | about_unit(au)
    return Turn(fill(question, values), fill(answer, values), f"{name}/q{q}/{side}{a}", about="action_units")


def _which(wording: Wording, labels: FeidLabels, medium: dict[str, str]) -> Turn:
    assert labels.action_units is not None
    decks = wording.decks
    right = int(decks.least_used(("which", "right"), [str(au) for au in sorted(labels.action_units)]))
    wrong = int(decks.least_used(("which", "wrong"), [str(au) for au in sorted(labels.coded - labels.action_units)]))
    pair = (right, wrong) if decks.number(("which", "place"), 2) == 0 else (wrong, right)
    q, question = wording.pick("choice.which.questions", str(right))
    a, answer = wording.pick("choice.which.answers", str(right))
    first, second = (about_unit(au) for au in pair)
    values = medium | about_unit(right)
    values |= {"first": first["number"], "first_name": first["name"]}
    values |= {"second": second["number"], "second_name": second["name"]}
    return Turn(fill(question, values), fill(answer, values), f"choice.which/q{q}/a{a}", about="action_units")


def _valence(wording: Wording, labels: FeidLabels, medium: dict[str, str]) -> Turn:
    assert labels.valence_arousal is not None
    return _side(wording, labels, medium, "valence", labels.valence_arousal[0])


def _arousal(wording: Wording, labels: FeidLabels, medium: dict[str, str]) -> Turn:
    assert labels.valence_arousal is not None
    return _side(wording, labels, medium, "arousal", labels.valence_arousal[1])


def _side(wording: Wording, labels: FeidLabels, medium: dict[str, str], axis: str, value: float) -> Turn:
    high, low = _SIDES[axis]
    word = high if value > 0 else low
    pair = (high, low) if wording.decks.number((axis, "place", word), 2) == 0 else (low, high)
    q, question = wording.pick(f"choice.{axis}.questions", f"{word} {stratum(labels)}")
    a, answer = wording.pick(f"choice.{axis}.answers", word)
    values = medium | {"first": pair[0], "second": pair[1], "word": word}
    return Turn(fill(question, values), fill(answer, values), f"choice.{axis}/q{q}/a{a}", about="valence_arousal")
