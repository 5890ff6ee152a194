"""`feab knowledge --given ...`: what follows from what is known of a face."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from feab.cli.output import out_json, rows, say
from feab.errors import FeabError
from feab.knowledge import (
    Given,
    affect_grid,
    agreement,
    certain,
    fit_joint,
    load_displays,
    load_knowledge,
    nothing,
    posterior,
)
from feab.vocabulary import ACTION_UNITS, EXPRESSIONS, FEAB_17, canonical_label

_AU = re.compile(r"au0?([1-9][0-9]?)")


def parse_given(words: Sequence[str]) -> Given:
    """What `--given` says: expression=WORD, au12=1 or 0, valence=X, arousal=X, comma-separated.

    Raises:
        FeabError: when a word is none of these, or something is given twice.
    """
    expression: str | None = None
    units: dict[int, bool] = {}
    affect: dict[str, float] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        name, equals, value = (part.strip() for part in word.casefold().partition("="))
        unit = _AU.fullmatch(name)
        if not equals or not value or not (unit or name in ("expression", "valence", "arousal")):
            raise FeabError(f"--given {word!r}: write expression=anger, au12=1, au25=0, valence=-0.5 or arousal=0.3")
        if (unit and int(unit[1]) in units) or name in affect or (name == "expression" and expression):
            raise FeabError(f"--given: {name} is given twice")
        if unit:
            units[_scored(int(unit[1]))] = _present(name, value)
        elif name == "expression":
            expression = canonical_label(value)
        else:
            affect[name] = _number(name, value)
    return Given(expression, units, affect.get("valence"), affect.get("arousal"))


def _scored(au: int) -> int:
    if au not in FEAB_17:
        raise FeabError(f"--given: AU {au} is not among the scored ones: {', '.join(map(str, FEAB_17))}")
    return au


def _present(name: str, value: str) -> bool:
    if value not in ("0", "1"):
        raise FeabError(f"--given {name}={value}: an AU is 1 (present) or 0 (absent); leave out what is not known")
    return value == "1"


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not -1 <= number <= 1:
        raise FeabError(f"--given {name}={value}: a number from -1 to 1")
    return number


def infer_and_show(
    words: Sequence[str], file: Path | None, *, theory: str, anchors: str, loadings: str, as_json: bool
) -> None:
    """The posterior of every level beside what it was before anything was known; drawn into `file` as well.

    Raises:
        FeabError: when the question, a table's name or the picture's name is wrong.
    """
    given = parse_given(words)
    model = fit_joint(load_knowledge(theory, anchors=anchors, loadings=loadings))
    evidence = certain([given])
    before, after = posterior(model, nothing(1)), posterior(model, evidence)
    expression = dict(zip(EXPRESSIONS, after.expression[0].tolist(), strict=True))
    units = dict(zip(after.aus, after.action_units[0].tolist(), strict=True))
    if file is not None:
        from feab.plots.knowledge import draw_posterior

        draw_posterior(file, f"given {', '.join(words)}", expression, units, affect_grid(model, evidence))
    agreeing = agreement(model, given)
    if as_json:
        out_json(
            {
                "given": list(words),
                "theory": theory,
                "anchors": anchors,
                "loadings": loadings,
                "expression": expression,
                "action_units": units,
                "valence": {"mean": after.means[0, 0], "sd": after.sds[0, 0]},
                "arousal": {"mean": after.means[0, 1], "sd": after.sds[0, 1]},
                "agreement": agreeing,
                "log_probability": float(after.log_evidence[0]),
            }
        )
        return
    lines = [
        ["expression", name, f"{p:.3f}", f"{before.expression[0, EXPRESSIONS.index(name)]:.3f}"]
        for name, p in sorted(expression.items(), key=lambda item: -item[1])
    ]
    lines += [
        [f"AU {au}", ACTION_UNITS[au].name, f"{p:.3f}", f"{was:.3f}"]
        for (au, p), was in zip(units.items(), before.action_units[0], strict=True)
    ]
    for column, name in enumerate(("valence", "arousal")):
        cells = [f"{p.means[0, column]:+.2f} ± {p.sds[0, column]:.2f}" for p in (after, before)]
        lines.append([name, "mean ± SD", *cells])
    rows(["level", "", "posterior", "before"], lines)
    if len(agreeing) > 1:
        say("\neach label given, by the others: " + ", ".join(f"{name} {p:.3f}" for name, p in agreeing.items()))
    borrowed = ", ".join(name for name in EXPRESSIONS if name in load_displays(theory).borrowed)
    say(
        f"\nFrom the tables {theory} ({borrowed}: feab's own forms), anchors {anchors}, loadings {loadings}; "
        f"their sources: feab knowledge --theory {theory}. About displays, not feelings."
    )
    if file is not None:
        say(f"drawn: {file}")
