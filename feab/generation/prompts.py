"""SEKE's questions: what an annotator is asked in one context, and what a verifier is asked about one candidate.

One question asks for all levels that are missing, in one JSON answer::

    {"expression": "fear", "valence": -0.6, "arousal": 0.7, "action_units": [1, 2, 4, 20, 25]}

A verifier answers {"answer": ...} with one of the options it is shown. What the paper's prompts say is not known; these
are ours, as are all choices of what to ask together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.generation.asked import FITS, NEITHER, TASK, TOO_HIGH, TOO_LOW, check_candidate, level_of
from feab.generation.contexts import KNOWLEDGE, NO_KNOWLEDGE, PARTS, arranged
from feab.generation.knowing import conditional, facts, level, shares, typical
from feab.generation.record import LEVELS, Context, Level
from feab.generation.wording import template
from feab.knowledge import Given, JointModel, certain, load_action_units
from feab.models.seeds import derived_seed
from feab.records import Image, Message, Question, Sample, Sampling, Text
from feab.tasks.crops import AS_DELIVERED, shown
from feab.tasks.task import AXES, answer_properties, object_schema
from feab.vocabulary import EXPRESSIONS, FEAB_17

ANSWER_TOKENS = 256
"""The least number of tokens that an annotation may take: all fields, with every AU, take about 120."""

VERDICT_TOKENS = 48
"""The same of a verdict."""


def annotation_question(
    sample: Sample,
    given: Given,
    missing: Sequence[Level],
    context: Context,
    knowledge: JointModel,
    *,
    aus: Sequence[int] = FEAB_17,
    n: int = 2,
    first_draw: int = 0,
    sampling: Sampling,
    crop: str = AS_DELIVERED,
    folder: Path | None = None,
) -> Question:
    """The question about all missing levels of a face, in the words of one context.

    Args:
        sample: the face. Its labels are not looked at.
        given: what is known of it.
        missing: the levels to ask for.
        context: paraphrase, part of the knowledge, and order of the options and of the fields of the answer.
        knowledge: the joint model; of contexts without knowledge nothing is taken from it.
        aus: the action units to ask for, where they are missing.
        n: draws.
        first_draw: the number of the first.
        sampling: how answers are drawn; at least `ANSWER_TOKENS` tokens are allowed.
        crop: which part of the picture is shown.
        folder: other templates (default: the shipped ones).

    Raises:
        FeabError: when a level or AU is asked for that is given, nothing is asked for, a label is wrong, or a template
            is.
    """
    levels = _checked(given, missing, aus)
    labels, units = arranged(EXPRESSIONS, context.order), arranged(aus, context.order)
    asked = arranged(levels, context.order)
    properties: dict[str, Any] = {}
    for one in asked:
        properties |= answer_properties(one, labels, units)
    words = template(f"ask_{context.paraphrase}", folder).render(
        {
            **unit_words(),
            "given": _known(given, folder),
            "knowledge": knowledge_text(context.knowledge, given, asked, units, knowledge, folder=folder),
            "asked": asked,
            "labels": labels,
            "aus": units,
            "answer": _form(properties),
        }
    )
    kind = levels[0]
    return Question(
        task=TASK,
        sample=sample.id,
        prompt=f"c{context.number}",
        kind=kind,
        messages=(_message(sample, crop, words),),
        choices=labels if kind == "expression" else tuple(map(str, units)) if kind == "action_units" else (),
        schema=object_schema(properties),
        n=n,
        first_draw=first_draw,
        sampling=_at_least(sampling, ANSWER_TOKENS),
    )


def verification_question(
    sample: Sample,
    given: Given,
    about: str,
    candidate: str,
    foil: str,
    seed: int,
    knowledge: JointModel | None,
    sampling: Sampling,
    *,
    crop: str = AS_DELIVERED,
    folder: Path | None = None,
) -> Question:
    """The question whether a candidate is right: beside another answer, in random order, so that "yes" is no habit.

    Args:
        sample: the face. Its labels are not looked at.
        given: what is known of it.
        about: "expression", "valence", "arousal", or the number of an action unit as text.
        candidate: an expression, a number as text ("-0.35"), or "present" or "absent".
        foil: what it is held against: another expression, or the other of "present" and "absent"; not used for numbers.
        seed: of the order of the options.
        knowledge: the joint model; None for a question without knowledge.
        sampling: how answers are drawn; at least `VERDICT_TOKENS` tokens are allowed.
        crop: which part of the picture is shown.
        folder: other templates (default: the shipped ones).

    Raises:
        FeabError: when candidate or foil are none, or what is verified is given.
    """
    certain([given])
    kind = level_of(about)
    check_candidate(about, candidate, foil)
    if _settled(given, about):
        raise FeabError(f"verification: {about} of {sample.id!r} is given")
    pair = (FITS, TOO_LOW, TOO_HIGH) if kind == "valence_arousal" else (candidate, foil)
    options = arranged(pair, derived_seed("verify", seed, sample.id, about, candidate))
    answers = (*options, NEITHER) if kind == "expression" else options
    schema = object_schema({"answer": {"type": "string", "enum": list(answers)}})
    variables: dict[str, Any] = {
        "given": _known(given, folder),
        "known": knowledge is not None,
        "options": options,
    }
    if kind == "valence_arousal":
        column, names = AXES.index(about), arranged(EXPRESSIONS, derived_seed("scale", seed, sample.id))
        usual = {name: conditional(knowledge, Given(name)).means[0, column] for name in names} if knowledge else {}
        levels = {name: level(mean) for name, mean in usual.items()}
        variables |= {"axis": about, "candidate": candidate, "candidates": tuple(levels), "levels": levels}
    else:
        variables |= unit_words()
    if kind == "expression":
        faces = {name: conditional(knowledge, Given(name)) for name in pair} if knowledge else {}
        variables["typical"] = {name: typical(face) for name, face in faces.items()}
        variables["shares"] = {name: shares(face) for name, face in faces.items()}
    elif kind == "action_units":
        variables["au"] = int(about)
    return Question(
        task=TASK,
        sample=sample.id,
        prompt=f"v-{about}-{candidate}",
        kind=kind,
        messages=(_message(sample, crop, template(f"verify_{kind}", folder).render(variables)),),
        choices=options if kind == "expression" else (about,) if kind == "action_units" else (),
        schema=schema,
        sampling=_at_least(sampling, VERDICT_TOKENS),
    )


def knowledge_text(
    part: str,
    given: Given,
    asked: Sequence[Level],
    aus: Sequence[int],
    knowledge: JointModel,
    *,
    folder: Path | None = None,
) -> str:
    """A part of the knowledge in words, for a face of which some labels are known; empty for "none".

    Args:
        part: one of `feab.generation.contexts.KNOWLEDGE`.
        given: the labels that are known.
        asked: the levels that are asked for.
        aus: the AUs that are asked for, or may be spoken of.
        knowledge: the joint model.
        folder: other templates (default: the shipped ones).

    Raises:
        FeabError: when there is no such part, or a known label is wrong.
    """
    if part not in KNOWLEDGE:
        raise FeabError(f"unknown part of the knowledge {part!r}; there are {', '.join(KNOWLEDGE)}")
    if part == NO_KNOWLEDGE:
        return ""
    told = {**unit_words(), **facts(knowledge, given, asked, aus)}
    parts = PARTS if part == "all" else (part,)
    return "\n\n".join(template(f"know_{one}", folder).render(told) for one in parts)


def _settled(given: Given, about: str) -> bool:
    if about.isdigit():
        return int(about) in given.action_units
    return getattr(given, about) is not None


def _checked(given: Given, missing: Sequence[Level], aus: Sequence[int]) -> tuple[Level, ...]:
    """The missing levels in the order of `LEVELS`."""
    certain([given])  # which refuses wrong labels, also where no knowledge is put in words
    levels = tuple(one for one in LEVELS if one in missing)
    if not levels or len(levels) != len(missing):
        raise FeabError(f"missing levels must be different ones of {', '.join(LEVELS)}, not {list(missing)}")
    settled = {
        "expression": given.expression is not None,
        "valence_arousal": given.valence is not None or given.arousal is not None,
    }
    if twice := [one for one in levels if settled.get(one, False)]:
        raise FeabError(f"{twice[0]} is both given and asked for")
    if "action_units" in levels:
        if not aus or len(set(aus)) != len(aus):
            raise FeabError(f"action units to ask for must be different ones, got {list(aus)}")
        for au in aus:
            if au not in load_action_units():
                raise FeabError(f"AU {au} is not in action_units.yaml")
            if au in given.action_units:
                raise FeabError(f"AU {au} is both given and asked for; ask for those only that are not coded")
    return levels


def _known(given: Given, folder: Path | None) -> str:
    """The labels that are known, in words; empty where none is."""
    if given == Given():
        return ""
    present = tuple(au for au, is_there in sorted(given.action_units.items()) if is_there)
    absent = tuple(au for au, is_there in sorted(given.action_units.items()) if not is_there)
    axes = {axis: "" if (v := getattr(given, axis)) is None else f"{v + 0.0:.2f}" for axis in AXES}
    told = {"expression": given.expression or "", "present": present, "absent": absent, **axes}
    return template("given", folder).render({**unit_words(), **told})


def unit_words() -> dict[str, Any]:
    """Of every action unit its name and how it looks, as templates read them."""
    units = load_action_units()
    return {"names": {au: u.name for au, u in units.items()}, "looks": {au: u.appearance for au, u in units.items()}}


def _form(properties: dict[str, Any]) -> str:
    """The answer's form, with a word where each value goes: numbers would be copied."""
    values = {"string": '"LABEL"', "number": "NUMBER", "array": "[NUMBERS]"}
    return "{" + ", ".join(f'"{name}": {values[schema["type"]]}' for name, schema in properties.items()) + "}"


def _message(sample: Sample, crop: str, words: str) -> Message:
    return Message("user", (Image(shown(sample, crop)), Text(words)))


def _at_least(sampling: Sampling, tokens: int) -> Sampling:
    return replace(sampling, max_tokens=max(sampling.max_tokens, tokens))
