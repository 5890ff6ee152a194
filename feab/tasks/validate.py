"""Checking a task file from end to end: every prompt is filled in, every option read back, two faces scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from feab import content
from feab.answers import parse
from feab.errors import FeabError
from feab.problems import Gather, problems_in, warning
from feab.records import Answer, AnswerValue
from feab.schemas import Prediction, answer_json
from feab.tasks.discover import Group, discover, expand, read_group
from feab.tasks.load import Include, read_task
from feab.tasks.read import Field, read_yaml
from feab.tasks.task import Task
from feab.tasks.template import compiled
from feab.tasks.validate_lm_eval import IMAGE, check_lm_eval

_SAMPLES = ("face-1", "face-2")
"""Names of the two faces that are made up to try the scorer."""

_ORDERS = 20
"""Faces tried to see whether a prompt shuffles: two options stand in one order for all of them once in 500,000."""


def check_task_file(file: Path, notes: Gather, include: Include = ()) -> str:
    """Note everything that is wrong with a task file; returns what it is, in a few words.

    Args:
        file: a task or a group of tasks.
        notes: takes the problems.
        include: further folders of task files, for the members of groups.
    """
    root = notes.attempt(read_yaml, None, file)
    if root is None:
        return "task file"
    if root.get("group") is not None:
        return _check_group(root, notes, include)
    task = notes.attempt(read_task, None, root, notes)
    metadata = root.get("metadata")
    if metadata is not None and isinstance(metadata.value, dict):
        if task is None:
            _check_templates(metadata, notes)
        else:
            _check_prompts(task, metadata, notes)
            _check_answers(task, metadata, notes)
            notes.attempt(_check_scores, None, task)
            _check_dataset(task, metadata, notes)
    check_lm_eval(root, task, notes)
    return "task file" if task is None else f"task {task.name}, {_count(len(task.prompts), 'prompt')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# ------------------------------------------------------------------------------------------------------------- groups


def _check_group(root: Field, notes: Gather, include: Include) -> str:
    group = notes.attempt(read_group, None, root)
    if group is None:
        return "group of tasks"
    beside = Gather(root.file)  # what is wrong with other files is theirs to tell
    folders = [root.file.parent, *content.folders("tasks", include)]
    known: Mapping[str, Field | Group] = {**discover(folders, beside), group.name: group}
    members = root.need("task", "the tasks")
    for member in [members] if isinstance(members.value, str) else members.elements():
        name = member.text()
        if name not in known:
            words = f"names the unknown task {name!r}; known here: {', '.join(sorted(set(known) - {group.name}))}"
            notes.note(member.problem(words, "correct the name, or give the folder of that task with --include DIR"))
        else:
            notes.attempt(_expand_member, None, member, known, group.name)
    return f"group {group.name}, {_count(len(group.members), 'member')}"


def _expand_member(member: Field, known: Mapping[str, Field | Group], group: str) -> None:
    try:
        expand(member.text(), known, (group,))
    except FeabError as error:
        (problem,) = problems_in(error, member.file)
        raise member.error(problem.message, "break the circle, or correct the name") from None


# ------------------------------------------------------------------------------------------------------------ prompts


def _wordings(metadata: Field, notes: Gather, task: Task | None = None) -> Iterator[tuple[str, Field]]:
    """Prompt name -> the field of its text, where there is one; of words that another task has, the one naming it."""
    prompts = notes.attempt(metadata.get, None, "prompts")
    if prompts is not None and isinstance(prompts.value, str) and task is not None:
        yield from ((name, prompts) for name in task.prompts)
    elif prompts is not None and isinstance(prompts.value, dict):
        for name, prompt in notes.attempt(lambda: list(prompts.items()), []):
            text = notes.attempt(prompt.get, None, "text")
            if text is not None and isinstance(text.value, str):
                yield name, text


def _check_templates(metadata: Field, notes: Gather) -> None:
    """What can be told of the prompts of a task that has other mistakes: whether they are templates at all."""
    for _, text in _wordings(metadata, notes):
        notes.attempt(_at, None, text, lambda text=text: compiled(text.value))


def _at(field: Field, check: Any) -> Any:
    """What a check gives; what it raises is placed at a field of the file."""
    try:
        return check()
    except FeabError as error:
        raise field.error(str(error)) from None


def _check_prompts(task: Task, metadata: Field, notes: Gather) -> None:
    for name, text in _wordings(metadata, notes, task):
        words = notes.attempt(_at, None, text, lambda name=name: [task.prompt_text(name, s) for s in _SAMPLES])
        if words is None:
            continue
        if any(IMAGE in asked for asked in words):
            notes.note(text.problem(f"holds {IMAGE}, which harnesses replace by a picture", "leave it out"))
        unsaid = [option for option in task.options if option.casefold() not in words[0].casefold()]
        if unsaid:
            said = f"does not name {', '.join(unsaid[:8])}{' …' if len(unsaid) > 8 else ''}, which can be answered"
            notes.note(warning(text.problem(said, "name every option, as in {{ labels | join(', ') }}")))
        if task.prompts[name].shuffled and len(set(map(task.wording(name), map(str, range(_ORDERS))))) == 1:
            said = "is shuffled, but its text is the same for every face"
            notes.note(warning(text.problem(said, "loop over the options in the text, or leave `shuffled` out")))


# ------------------------------------------------------------------------------------------------------------ answers


def _dummies(task: Task) -> Iterator[tuple[str, AnswerValue, int | None]]:
    """Answers that a model should be able to give: text, what it means, and the number of the option, if it is one."""
    if task.kind == "expression":
        for number, label in enumerate(task.labels):
            yield label, label, number
            yield json.dumps({"expression": label}), label, number
    elif task.kind == "valence_arousal":
        for point in ((0.5, -0.25), (-1.0, 1.0), (0.0, 0.0)):
            yield f"valence: {point[0]}, arousal: {point[1]}", point, None
            yield json.dumps({"valence": point[0], "arousal": point[1]}), point, None
    else:
        for number, au in enumerate(task.aus):
            yield str(au), frozenset({au}), number
            yield f"AU{au}", frozenset({au}), number
        yield ", ".join(map(str, task.aus)), frozenset(task.aus), None
        yield json.dumps({"action_units": list(task.aus)}), frozenset(task.aus), None
        yield "none", frozenset(), None


def _read(task: Task, text: str) -> Answer:
    return parse(text, task.kind, None if task.kind == "valence_arousal" else task.options)


def _check_answers(task: Task, metadata: Field, notes: Gather) -> None:
    """Every option must be read as itself by the parser that reads the models' answers."""
    listed = metadata.get("labels") or metadata.get("aus")
    places = list(listed.elements()) if listed is not None else []
    for text, meant, option in _dummies(task):
        found = _read(task, text)
        if found.value != meant:
            place = places[option] if option is not None else listed or metadata
            read = found.outcome.value if found.value is None else repr(answer_json(found))
            advice = "choose options of which none means the same as another, and that are words of their own"
            notes.note(place.problem(f"the answer {text!r} is read as {read}", advice))


def _check_scores(task: Task) -> None:
    """The scorer gives a score of two faces, of which the first was answered rightly.

    Raises:
        FeabError: when it does not.
    """
    import pandas as pd

    from feab.tasks.scoring import score_task

    truth = pd.DataFrame({"id": list(_SAMPLES), **_labels(task)})
    (text, _, _), *_ = _dummies(task)
    answer = _read(task, text)
    outcome, value = answer.outcome, answer_json(answer)
    lines = [
        Prediction(task=task.name, sample=sample, prompt=prompt, text=text, answer=value, outcome=outcome)
        for sample in _SAMPLES
        for prompt in task.prompts
    ]
    scores = score_task(task, lines, truth)
    if scores.n != len(_SAMPLES) or set(scores.prompts) != set(task.prompts) or scores.primary not in scores.metrics:
        raise FeabError(f"the scorer counts {scores.n} of {len(_SAMPLES)} made-up faces")


def _labels(task: Task) -> dict[str, Sequence[Any]]:
    """Label columns of two made-up faces."""
    if task.kind == "expression":
        return {"expression": task.labels[:2]}
    if task.kind == "valence_arousal":
        return {"valence": [0.5, -0.5], "arousal": [-0.25, 0.25]}
    high = 1.0 if task.threshold is None else 5.0
    return {column: [high, 0.0] for column in task.label_columns}


# ----------------------------------------------------------------------------------------------------------- datasets


def _check_dataset(task: Task, metadata: Field, notes: Gather) -> None:
    """Where the dataset is here, it must hold something that the task scores; it need not be here."""
    from feab.data import read_info
    from feab.data.places import named

    folder = named(task.dataset)
    if folder is None:
        return
    try:
        info = read_info(folder)
    except FeabError:
        return  # its own mistake, which validating the dataset tells
    place = metadata.need("data", "the dataset")
    offered, held = (task.labels, info.labels) if task.kind == "expression" else (task.aus, info.aus)
    if offered and not set(offered) & set(held):
        words = f"dataset {task.dataset} has no {'expression' if task.labels else 'AU'} that this task scores"
        notes.note(place.problem(words, f"it has {', '.join(map(str, held)) or 'none'}"))
