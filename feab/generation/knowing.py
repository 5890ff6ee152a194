"""What knowledge says of a face whose labels are known in part: numbers of the joint model, ready to be put in words.

Every share is a conditional of the exact joint model, given the labels that are known. What is worth saying is our
choice: an action unit is likely from .4 on, and contradicts a label if it is seen with it less than .4 times as often
as among all faces. An expression that has less than one chance in twenty is not spoken of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from feab.generation.record import Level
from feab.knowledge import Given, JointModel, Posterior, certain, load_pairs, posterior
from feab.tasks.task import AXES
from feab.vocabulary import EXPRESSIONS

LIKELY = 0.4
"""The least share of faces that makes an AU likely."""

UNLIKELY = 0.06
"""The share below which an AU is unlikely, whatever it is among all faces."""

CONTRADICTING = 0.4
"""An AU contradicts a label if its share with that label is less than this part of its share among all faces."""

SPOKEN_OF = 0.05
"""The least probability of an expression that is spoken of."""

APART = -1.0
"""The pair term of the knowledge (nats) from which down two AUs are said to be hardly ever there together."""

MOST_TYPICAL = 6
"""AUs named as typical of one expression."""

MOST_CONTRADICTING = 4
"""AUs named as contradicting a label."""


def facts(model: JointModel, given: Given, asked: Sequence[Level], aus: Sequence[int]) -> dict[str, Any]:
    """What the templates of knowledge may say.

    Args:
        model: the knowledge.
        given: the labels that are known.
        asked: the levels that are asked for.
        aus: the AUs that are asked for, if they are, and else those that may be spoken of.

    Raises:
        FeabError: when a known label is wrong, or the prior of the knowledge excludes it.
    """
    certain([given], model.aus)
    now = conditional(model, given)
    chances = dict(zip(EXPRESSIONS, now.expression[0].tolist(), strict=True))
    names = [] if given.expression else [name for name in EXPRESSIONS if chances[name] >= SPOKEN_OF]
    shown = {name: conditional(model, replace(given, expression=name, action_units={})) for name in names}
    known = given != Given()
    found: dict[str, Any] = {
        "asked": tuple(asked),
        "known": known,
        "candidates": tuple(names),
        "chances": {name: percent(chances[name]) for name in names},
        "typical": {name: typical(shown[name]) for name in names},
        "shares": {name: shares(shown[name]) for name in names},
        "against": {name: _contradicting(model, shown[name], model.aus) for name in names},
        "valences": {},
        "arousals": {},
        "likely": (),
        "unlikely": (),
        "rates": shares(now),
        "rare": (),
        "apart": (),
        "axes": (),
    }
    if "valence_arousal" in asked:
        placed = {name: conditional(model, replace(given, expression=name)).means[0] for name in names}
        found["valences"] = {name: level(means[0]) for name, means in placed.items()}
        found["arousals"] = {name: level(means[1]) for name, means in placed.items()}
        found |= _ranges(now) if known else {}
    if "action_units" in asked:
        coded = [au for au in aus if au in model.aus]
        if known:
            found["likely"] = _ranked(now, coded, lambda p: p >= LIKELY)
            found["unlikely"] = _ranked(now, coded, lambda p: p < UNLIKELY)[::-1]
            found["rare"] = _contradicting(model, now, coded)
        found["apart"] = tuple(p.aus for p in load_pairs() if p.weight <= APART and {*p.aus} <= {*aus})
    found["seen"] = _seen(found, given, model, asked, aus)
    return found


def _seen(
    found: Mapping[str, Any], given: Given, model: JointModel, asked: Sequence[Level], aus: Sequence[int]
) -> tuple[int, ...]:
    """The AUs whose looks are told: those asked for, else those known to be there or typical of what is spoken of."""
    if "action_units" in asked:
        return tuple(aus)
    told = {au for au, shown in given.action_units.items() if shown}
    told.update(au for units in found["typical"].values() for au in units)
    if given.expression:
        told.update(typical(conditional(model, Given(given.expression))))
    return tuple(sorted(told)) or tuple(aus)


def conditional(model: JointModel, given: Given) -> Posterior:
    """The posterior of one face whose labels are right, kept: many contexts ask for the same.

    Raises:
        FeabError: when the prior of the knowledge excludes what is known.
    """
    units = tuple(sorted((au, bool(shown)) for au, shown in given.action_units.items() if au in model.aus))
    return _conditional(model, given.expression, units, given.valence, given.arousal)


@lru_cache(maxsize=4096)
def _conditional(
    model: JointModel,
    expression: str | None,
    units: tuple[tuple[int, bool], ...],
    valence: float | None,
    arousal: float | None,
) -> Posterior:
    return posterior(model, certain([Given(expression, dict(units), valence, arousal)], model.aus))


def typical(shown: Posterior) -> tuple[int, ...]:
    """The AUs that are likely in a face, likeliest first."""
    return _ranked(shown, shown.aus, lambda p: p >= LIKELY)[:MOST_TYPICAL]


def shares(shown: Posterior) -> dict[int, str]:
    """AU -> its share of faces, as text."""
    return {au: percent(p) for au, p in zip(shown.aus, shown.action_units[0], strict=True)}


def _ranked(shown: Posterior, aus: Iterable[int], told: Callable[[float], bool]) -> tuple[int, ...]:
    """The AUs among these whose share is told, by falling share."""
    share = dict(zip(shown.aus, shown.action_units[0].tolist(), strict=True))
    return tuple(sorted((au for au in aus if told(share[au])), key=lambda au: -share[au]))


def _contradicting(model: JointModel, shown: Posterior, aus: Iterable[int]) -> tuple[int, ...]:
    """The AUs among these that are far rarer in a face than among all faces, those it sets apart most first."""
    everywhere = conditional(model, Given()).action_units[0]
    lift = dict(zip(shown.aus, (shown.action_units[0] / everywhere).tolist(), strict=True))
    return tuple(sorted((au for au in aus if lift[au] < CONTRADICTING), key=lift.__getitem__))[:MOST_CONTRADICTING]


def _ranges(now: Posterior) -> dict[str, Any]:
    """Where valence and arousal mostly lie (one SD), and what they hardly ever exceed (two, unless off the scale)."""
    told: dict[str, Any] = {"axes": AXES, "lows": {}, "highs": {}, "least": {}, "most": {}}
    for axis, mean, sd in zip(AXES, now.means[0], now.sds[0], strict=True):
        for name, steps in (("lows", -1), ("highs", 1), ("least", -2), ("most", 2)):
            value = mean + steps * sd
            inside = -1 < value < 1 or name in ("lows", "highs")
            told[name][axis] = level(float(np.clip(value, -1, 1))) if inside else ""
    return told


def percent(share: float) -> str:
    """A share as text, to five percent: finer than that the tables are not sure of."""
    if share < 0.05:
        return "under 5 %"
    return "over 95 %" if share > 0.95 else f"{5 * round(20 * share)} %"


def level(value: float) -> str:
    """A valence or arousal as text, to one decimal."""
    return f"{round(value, 1) + 0.0:.1f}"
