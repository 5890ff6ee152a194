"""Labels in words: what stands in the place of the names that wordings hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from feab.data.feid.record import FeidLabels
from feab.generation.templates import Words
from feab.knowledge import load_action_units


def label_words(label: str, words: Words) -> dict[str, str]:
    """{label}, {adjective} and {display}."""
    return {"label": label, "adjective": words.adjectives[label], "display": words.displays[label]}


def affect_words(affect: tuple[float, float], words: Words) -> dict[str, str]:
    """{valence}, {arousal} with two decimals, and each in words."""
    valence, arousal = (rounded(value) for value in affect)
    return {
        "valence": f"{valence:.2f}",
        "arousal": f"{arousal:.2f}",
        "valence_words": _step(valence, words.valence),
        "arousal_words": _step(arousal, words.arousal),
    }


def rounded(value: float) -> float:
    """A number as answers say it: two decimals, and never a minus before zero."""
    return round(value, 2) + 0.0


def _step(value: float, steps: Sequence[tuple[float, str]]) -> str:
    return next(words for least, words in steps if value >= least)


def unit_words(aus: Iterable[int]) -> dict[str, str]:
    """{numbers}, {units} with their names, {evidence} (what is seen, in the tables' words) and {bullets}, a line each.

    The verbs {goes}, {makes} and {be} agree with their number. There must be one unit at least.
    """
    table = load_action_units()
    rows = [table[au] for au in sorted(aus)]
    one = len(rows) == 1
    return {
        "numbers": listed([f"AU{row.number}" for row in rows]),
        "units": listed([f"AU{row.number} ({row.name})" for row in rows]),
        "evidence": "; ".join(f"{row.appearance} (AU{row.number})" for row in rows),
        "bullets": "\n".join(f"- AU{row.number} ({row.name}): {row.appearance}" for row in rows),
        "goes": "goes" if one else "go",
        "makes": "makes" if one else "make",
        "be": "is" if one else "are",
    }


def about_unit(au: int) -> dict[str, str]:
    """{number}, {name} and {appearance} of one action unit."""
    row = load_action_units()[au]
    return {"number": str(au), "name": row.name, "appearance": row.appearance}


def asked_words(aus: Collection[int]) -> str:
    """{asked}: the action units that a question names."""
    return listed([f"AU{au}" for au in sorted(aus)])


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in running text: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def medium_of(pictures: int) -> str:
    """What a face is in: a picture, or a clip of which several pictures are shown."""
    return "picture" if pictures == 1 else "clip"


def stratum(labels: FeidLabels) -> str:
    """What wordings must not tell: the expression, or where there is none how many action units are active."""
    if labels.expression is not None:
        return labels.expression
    return "unknown" if labels.action_units is None else f"{min(len(labels.action_units), 5)} units"
