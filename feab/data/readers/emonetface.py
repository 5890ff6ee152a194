"""EmoNet-Face HQ: rendered faces on which several experts rated forty emotions from 0 to 7."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.readers.faces import Faces, write
from feab.data.readers.record import Reader, Row, Skip, Why
from feab.data.readers.stored import as_stored, open_stored, stored_pictures, stored_words
from feab.data.readers.tree import Tree
from feab.errors import FeabError

CATEGORIES = (
    "Amusement", "Elation", "Pleasure/Ecstasy", "Contentment", "Thankfulness/Gratitude", "Affection", "Infatuation",
    "Hope/Enthusiasm/Optimism", "Triumph", "Pride", "Interest", "Awe", "Astonishment/Surprise", "Concentration",
    "Contemplation", "Relief", "Longing", "Teasing", "Impatience and Irritability", "Sexual Lust", "Doubt", "Fear",
    "Distress", "Confusion", "Embarrassment", "Shame", "Disappointment", "Sadness", "Bitterness", "Contempt",
    "Disgust", "Anger", "Malevolence/Malice", "Sourness", "Pain", "Helplessness", "Fatigue/Exhaustion",
    "Emotional Numbness", "Intoxication/Altered States of Consciousness", "Jealousy & Envy",
)  # fmt: skip
"""In the order of its makers' guide."""
NAMED: Mapping[str, str] = MappingProxyType({
    "Elation": "happiness", "Sadness": "sadness", "Astonishment/Surprise": "surprise", "Fear": "fear",
    "Disgust": "disgust", "Anger": "anger", "Contempt": "contempt",
})  # fmt: skip
"""Categories that are an expression of the vocabulary (our choice; of Elation, the guide's first word is happiness)."""
LABELS = (*NAMED.values(), "other")
"""In the order of the votes."""
HIGHEST = 7
_FILES = "data/train-*.parquet"
_PICTURE, _RATINGS = "path", "label"
_BY_NAME: Mapping[str, str] = MappingProxyType({name.casefold(): name for name in CATEGORIES})
_RATER = "human"
"""How the names of raters begin; ratings of others, which would be models, are left out."""
_LONGEST = 200_000
_DEEPEST = 4


class _RatingsError(FeabError):
    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why: Why = why


def column(category: str) -> str:
    """The column of a category's mean rating: "Jealousy & Envy" -> "rating_jealousy_envy"."""
    return "rating_" + re.sub(r"[^a-z0-9]+", "_", category.casefold())


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The rows, in the order and with the numbers (from 0) that `datasets` gives them."""
    names = [name for name in tree.files("data", (".parquet",)) if name.startswith("train-")]
    stored = open_stored([tree.path(f"data/{name}") for name in names])
    for wanted in (_PICTURE, _RATINGS):
        if wanted not in stored.names:
            raise FeabError(f"{stored.files[0]}: no column {wanted!r}; it has {', '.join(stored.names)[:300]}")
    both = zip(stored_words(stored, _RATINGS), stored_pictures(stored, _PICTURE), strict=True)
    for index, ((path, number, text), picture) in enumerate(both):
        file = f"data/{path.name}"
        try:
            labels = labels_of(ratings_of(text))
        except _RatingsError as error:
            skip(file, number, error.why, str(error))
        else:
            yield Row(f"{index:05d}", picture, file, number, labels)


def ratings_of(text: str) -> dict[str, dict[str, float]]:
    """Expert -> category -> rating, from the text that a row holds: [{'human-1': {'Family|Anger': 3, ...}}, ...].

    Raises:
        FeabError: when it is none, names a category that there is not, or a rating is not within 0 and 7.
    """
    found: dict[str, dict[str, float]] = {}
    for entry in _parsed(text):
        for rater, given in entry.items() if isinstance(entry, dict) else [("", None)]:
            if not isinstance(rater, str) or not isinstance(given, dict):
                raise _RatingsError("bad row", f"{str(entry)!r:.100} is no expert with ratings")
            if rater.startswith(_RATER):
                found[rater] = dict(_rating(name, value) for name, value in given.items())
    return found


def _parsed(text: str) -> list[Any]:
    """The list that a text is, written as Python writes one. Only values are read; nothing is run."""
    depth = deepest = 0
    for sign in re.findall(r"[\[\]{}()]", text[: _LONGEST + 1]):
        depth += 1 if sign in "[{(" else -1
        deepest = max(deepest, depth)
    try:
        if len(text) > _LONGEST or deepest > _DEEPEST:
            raise ValueError
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise _RatingsError("bad row", f"{text!r:.100} is no list of experts' ratings") from None
    if not isinstance(value, list):
        raise _RatingsError("bad row", f"{text!r:.100} is no list of experts' ratings")
    return value


def _rating(name: Any, value: Any) -> tuple[str, float]:
    category = _BY_NAME.get(str(name).rpartition("|")[2].strip().casefold())
    if category is None:
        raise _RatingsError("unknown code", f"{str(name)!r:.80} is none of the forty categories")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= HIGHEST:
        raise _RatingsError("out of range", f"{category}: {value!r:.40} is no rating from 0 to {HIGHEST}")
    return category, float(value)


def labels_of(ratings: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """A face's columns: the mean rating of each category, and the expression that most experts' ratings point to.

    An expert's vote goes to the category that they rate highest; to "other" if that is none of the seven that are
    expressions of the vocabulary, if two share it, or if they rate nothing above 0. The expression is the one with more
    than half of the votes. Nobody asked the experts for one: it is derived (our choice).
    """
    labels: dict[str, Any] = {"raters": len(ratings)}
    for category in CATEGORIES:
        given = [rated[category] for rated in ratings.values() if category in rated]
        labels[column(category)] = sum(given) / len(given) if given else None
    votes = dict.fromkeys(LABELS, 0.0)
    for rated in ratings.values():
        votes[_vote(rated)] += 1
    if ratings:
        labels["votes"] = list(votes.values())
        most = max(LABELS, key=votes.__getitem__)
        labels["expression"] = most if 2 * votes[most] > len(ratings) and most != "other" else None
    return labels


def _vote(rated: Mapping[str, float]) -> str:
    most = max(rated.values(), default=0.0)
    highest = [category for category, value in rated.items() if value == most]
    return NAMED.get(highest[0], "other") if most > 0 and len(highest) == 1 else "other"


def mimic(root: Path, faces: Faces, n: int) -> None:
    """A Parquet file: four experts rate each face, and one of them sees something else."""
    shown: Mapping[str, str] = {label: category for category, label in NAMED.items()}
    pictures, texts = [], []
    for face in faces.cycle((*shown, "neutral"), n):
        category = shown.get(face.expression or "", "Contemplation")
        texts.append(str([{f"human-{rater}": _rated(category if rater < 4 else "Doubt")} for rater in range(1, 5)]))
        pictures.append({"bytes": face.media.read(), "path": None})
    write(root, "data/train-00000-of-00001.parquet", as_stored(_PICTURE, {_PICTURE: pictures, _RATINGS: texts}, {}))


def _rated(category: str) -> dict[str, int]:
    """One expert's ratings, highest for a category."""
    return {f"Emotions|{name}": 6 if name == category else int(name == "Interest") for name in CATEGORIES}


READERS = (
    Reader(
        name="emonet_face_hq",
        title="EmoNet-Face HQ",
        version="1",
        splits=MappingProxyType({"test": (_FILES,)}),
        roots=("", "emonet-face-hq"),
        layout="""
data/train-00000-of-00004.parquet     of laion/emonet-face-hq: hf download --repo-type dataset --local-dir DIR ...
                                      path: the picture; label: [{'human-1': {'Family|Anger': 3, ...}}, ...]
""",
        licence="CC BY 4.0 (the faces are rendered by image models; they are nobody's)",
        source=(
            "Schuhmann, Kaczmarczyk, Rabby, Friedrich, Kraus, Kalyan, Nadi, Nguyen, Kersting & Auer 2025, EmoNet-Face: "
            "an expert-annotated benchmark for synthetic emotion recognition, NeurIPS"
        ),
        read=read,
        mimic=mimic,
        labels=LABELS,
        extra=MappingProxyType({"raters": "integer", **{column(category): "float" for category in CATEGORIES}}),
        own_labels=tuple(column(category) for category in CATEGORIES),
        third_party="allowed",
        images_may_be_shared=True,
        notes=(
            "`rating_...` are means over experts, 0 to 7. `votes` and `expression` are derived: an expert's vote goes "
            "to the category they rate highest (other: none of the seven, or a tie), and the expression has more than "
            "half of the votes. Elation counts as happiness. Its makers call the split train and test on it."
        ),
    ),
)
