"""Scoring by choices: of a closed set of answers the likeliest is taken, and each has a probability.

Scoring `choices` keeps to a task's own words:

* Expression: the options are the labels, in the order that the prompt shows; as JSON, where it asks for that.
* Action units: several may be there at once, so the options are whole lists. The model writes its list, as ever; then,
  for each unit, that list with the unit and without it are weighed against each other: the probability of the unit is
  that of the first, given that it is one of the two. It takes one answer and, for 17 units, 18 short texts after the
  same prompt. A model must show how likely it finds whole texts for it.
* Valence and arousal have no closed set, and are asked by generation, as in any other run.

Scoring `yes-no` differs in the action units: each is asked for by itself, "Does this face display the facial action
unit AU12 (lip corner puller)? Answer yes or no.", and its probability is that of yes, given yes or no. It takes as many
questions a face as there are units, but only the first token of each answer, which chat APIs can show. It is another
question than the list, and a score of another ability: a model trained on lists alone may know nothing of it.

Both forms, and that labels and words count in two spellings (as they stand, and with a capital), are our choice. So is
that an answer need only begin with its label; where one label is the beginning of another, the longer counts for both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from feab.errors import FeabError
from feab.records import SHORT_ANSWER, Closed, Image, Message, Option, Part, Question, Scoring, Text
from feab.schemas import TaskIdentity
from feab.tasks.attributes import told, words_before
from feab.tasks.task import Prompt, Task, digest, words_of
from feab.vocabulary import ACTION_UNITS

PRESENT, ABSENT = "yes", "no"
"""The options of a question about one action unit."""


def as_scored(task: Task, question: Question, scoring: Scoring) -> Question:
    """The question, to be answered in this way.

    Raises:
        FeabError: when its prompt cannot be.
    """
    if scoring == "generate":
        return question
    prompt = task.prompts[question.prompt]
    if (why := _unfit(task, prompt, scoring)) is not None:
        raise FeabError(why)
    closed: tuple[Closed, ...] = ()
    if task.kind == "expression":
        closed = (_labels(question, as_json=prompt.json),)
    elif task.kind == "action_units" and scoring == "yes-no":
        pictures = tuple(part for message in question.messages for part in message.parts if isinstance(part, Image))
        words = unit_questions(task, prompt.name)
        parts = [part for message in question.messages for part in message.parts if isinstance(part, Text)]
        before = words_before(parts[0].text) if task.attributes is not None else ""
        closed = tuple(_unit(au, (*pictures, Text(told(words[au], before)))) for au in question.choices)
    return replace(question, scoring=scoring, closed=closed)


def prompt_names(task: Task, wanted: str | Sequence[str], scoring: Scoring) -> tuple[str, ...]:
    """As `Task.prompt_names`; "all" means those that can be answered in this way.

    Raises:
        FeabError: for a name that the task does not have, or a prompt that cannot be answered so.
    """
    names = task.prompt_names(wanted)
    unfit = {name: why for name in names if (why := _unfit(task, task.prompts[name], scoring)) is not None}
    if unfit and "all" not in words_of(wanted):
        raise FeabError(next(iter(unfit.values())))
    return tuple(name for name in names if name not in unfit)


def identity(task: Task, prompts: Sequence[str], scoring: Scoring) -> TaskIdentity:
    """As `Task.identity`; where each action unit is asked for by itself, the hashes cover those words, too."""
    found = task.identity(prompts)
    if scoring != "yes-no" or task.kind != "action_units":
        return found
    words = {name: digest([sha256, unit_questions(task, name)]) for name, sha256 in found.prompts.items()}
    return found.model_copy(update={"prompts": words})


def unit_questions(task: Task, prompt: str) -> dict[str, str]:
    """For each action unit (its number as text) the yes-or-no question; it says how the unit looks if the prompt does.

    Raises:
        FeabError: when the prompt's wording cannot be filled in.
    """
    shown = task.prompt_text(prompt)
    found = {}
    for au in task.options:
        known = ACTION_UNITS.get(int(au))
        meaning = task.definition(au) if task.definition(au) in shown else (known.name if known else "")
        name = f"AU{au} ({meaning})" if meaning and meaning != au else f"AU{au}"
        found[au] = f"Does this face display the facial action unit {name}? Answer {PRESENT} or {ABSENT}."
    return found


def _unfit(task: Task, prompt: Prompt, scoring: Scoring) -> str | None:
    """Why a prompt cannot be answered in this way, in words; None where it can."""
    if task.kind == "valence_arousal" or scoring == "generate":
        return None
    start = f"task {task.name}: prompt {prompt.name} cannot be answered with scoring {scoring}"
    if prompt.max_tokens > SHORT_ANSWER and not prompt.json:
        return f"{start}: it asks for reasoning first, and none would be written; choose others with --prompts"
    if task.kind == "action_units" and scoring == "yes-no" and (prompt.json or prompt.shuffled):
        how = "in JSON" if prompt.json else "in another order"
        return f"{start}: it asks for a list {how}, and each unit is asked for by itself; choose others with --prompts"
    return None


def _labels(question: Question, *, as_json: bool) -> Closed:
    def spelled(label: str) -> tuple[str, ...]:
        return (json.dumps({"expression": label}, ensure_ascii=False),) if as_json else _spellings(label)

    return Closed("", question.messages, tuple(Option(label, spelled(label)) for label in question.choices))


def _unit(au: str, parts: tuple[Part, ...]) -> Closed:
    options = tuple(Option(name, _spellings(name)) for name in (PRESENT, ABSENT))
    return Closed(au, (Message("user", parts),), options)


def _spellings(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((text, text[:1].upper() + text[1:])))
