"""From task files to `Task`s, with validation that says which file, line and field is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from types import MappingProxyType

from feab import content
from feab.clips.sampling import FrameSampling, parse_sampling
from feab.errors import FeabError
from feab.problems import RAISE, Notes
from feab.tasks.attributes import Attributes
from feab.tasks.crops import AS_DELIVERED, CROPS
from feab.tasks.discover import NAME, SPLIT, Group, discover, entry_name, expand, is_ours
from feab.tasks.read import Field, read_yaml, with_included
from feab.tasks.task import AXES, DEFAULT_PROMPT, Prompt, Task, words_of
from feab.tasks.template import MAX_TEMPLATE
from feab.vocabulary import KINDS, Kind

MAX_OPTIONS = 64
METADATA_FIELDS: frozenset[str] = frozenset({
    "kind", "version", "data", "split", "labels", "aus", "threshold", "crop", "frames", "folds", "coded_by",
    "attributes", "definitions", "prompts", "description",
})  # fmt: skip
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PROMPT_FIELDS = frozenset({"text", "max_tokens", "json", "shuffled"})


Include = Sequence[str | PathLike[str]]


def list_tasks(include: Include = ()) -> list[Task]:
    """Every task that `load_tasks` can find, by name. Reads text files only: no dataset need be present.

    Raises:
        FeabError: when a task file is broken.
    """
    found = _discover(include)
    return [read_task(item) for _, item in sorted(found.items()) if isinstance(item, Field) and is_ours(item)]


def list_groups(include: Include = ()) -> dict[str, tuple[str, ...]]:
    """Group name -> the names of its tasks, nested groups resolved.

    Raises:
        FeabError: when a group names something unknown or contains itself.
    """
    found = _discover(include)
    return {name: tuple(expand(name, found)) for name, item in sorted(found.items()) if isinstance(item, Group)}


def load_tasks(names: str | Sequence[str], include: Include = ()) -> list[Task]:
    """Tasks by name or group, in the order given, each once; every entry may be a comma list.

    Args:
        names: "synth", "synth_expression,synth_action_units" or a sequence of such.
        include: further folders of task files; a user's file wins over a shipped one of the same name.

    Raises:
        FeabError: for an unknown name, or a task file with a mistake (the message names file, line and field).
    """
    wanted = [name for name in words_of(names) if name]
    if not wanted:
        raise FeabError("no task was named; `feab tasks` lists them")
    found = _discover(include)
    resolved = dict.fromkeys(leaf for name in wanted for leaf in expand(name, found))
    tasks = []
    for name in resolved:
        item = found[name]
        assert isinstance(item, Field)
        task = read_task(item)
        for prompt in task.prompts.values():
            try:
                task.prompt_text(prompt.name)
            except FeabError as error:
                raise FeabError(f"{task.file}: metadata.prompts.{prompt.name}.text: {error}") from None
        tasks.append(task)
    return tasks


def _discover(include: Include) -> dict[str, Field | Group]:
    """All tasks and groups of the content folders; the first folder that has a name wins."""
    return discover(content.folders("tasks", include))


def read_task(root: Field, notes: Notes = RAISE) -> Task:
    """The task of a file; its prompts' wording is not filled in yet.

    Raises:
        FeabError: naming file, line and field; or a `NotedError`, when `notes` took what is wrong.
    """
    name = notes.attempt(lambda: entry_name(root), "")
    metadata = root.need("metadata", "a mapping with kind, version, data, split, prompts and labels or aus")
    task = task_from_metadata(name, metadata, notes)
    # lm-eval reads these two beside metadata: where they differ, the two harnesses would not ask the same thing.
    entries: dict[str, Field] = notes.attempt(with_included, {}, root)
    split = entries.get("test_split")
    if split is not None and split.value != task.split:
        notes.note(split.problem(f"must equal metadata.split ({task.split})"))
    settings = entries.get("generation_kwargs")
    limit = settings.get("max_gen_toks") if settings else None
    if limit is not None and limit.value != task.prompts[DEFAULT_PROMPT].max_tokens:
        notes.note(limit.problem(f"must equal metadata.prompts.{DEFAULT_PROMPT}.max_tokens"))
    return task


def task_from_metadata(name: str, metadata: Field, notes: Notes = RAISE) -> Task:
    """Validate the `metadata` of a task file.

    Raises:
        FeabError: naming file, line and field; or a `NotedError`, when `notes` took what is wrong.
    """
    _only(metadata, METADATA_FIELDS, notes)
    need = metadata.need
    kind = notes.attempt(lambda: _kind(need("kind", f"one of {', '.join(KINDS)}")), None)
    labels = notes.attempt(_labels, (), metadata, kind, notes)
    aus = notes.attempt(_aus, (), metadata, kind)
    crop = notes.attempt(_crop, AS_DELIVERED, metadata.get("crop"))
    frames = notes.attempt(_frames, None, metadata.get("frames"))
    attributes = notes.attempt(_attributes, None, metadata.get("attributes"))
    folds = notes.attempt(_folds, None, metadata.get("folds"))
    coded_by = notes.attempt(_coded_by, {}, metadata.get("coded_by"), aus)
    threshold = notes.attempt(_threshold, None, metadata, kind)
    raise_it = 'such as "1.0"; raise it with every change to the task'
    version = notes.attempt(lambda: _version(need("version", raise_it)), "")
    dataset = notes.attempt(lambda: _name(need("data", "the dataset's name, such as synth")), "")
    split = notes.attempt(lambda: _split(need("split", "the split that is asked about, such as test")), "")
    at_least = f"a mapping of prompts with at least {DEFAULT_PROMPT!r}"
    wording = notes.attempt(lambda: _wording(need("prompts", at_least), kind), None)
    prompts = notes.attempt(lambda: _prompts((wording or metadata).need("prompts", at_least), notes), None)
    options = labels or tuple(map(str, aus)) or AXES
    definitions = notes.attempt(_definitions, None, metadata.get("definitions"), options, notes)
    if wording is not None and definitions is not None:
        definitions = {**_taken(wording.get("definitions"), options), **definitions}
    description = notes.attempt(_words, "", metadata.get("description"))
    notes.settle()
    assert kind is not None
    assert prompts is not None
    assert definitions is not None
    return Task(
        name=name,
        kind=kind,
        version=version,
        dataset=dataset,
        split=split,
        prompts=MappingProxyType(prompts),
        labels=labels,
        aus=aus,
        threshold=threshold,
        crop=crop,
        frames=frames,
        attributes=attributes,
        folds=folds,
        coded_by=MappingProxyType(coded_by),
        definitions=MappingProxyType(definitions),
        description=description,
        file=metadata.file,
    )


def _only(mapping: Field, known: frozenset[str], notes: Notes) -> None:
    for key, child in mapping.items():
        if key not in known:
            notes.note(child.problem(f"is not a field feab knows here; known are {', '.join(sorted(known))}"))


def _crop(given: Field | None) -> str:
    if given is None:
        return AS_DELIVERED
    if given.value not in CROPS:
        raise given.error(f"must be one of: {', '.join(CROPS)}")
    return given.text()


def _attributes(given: Field | None) -> Attributes | None:
    if given is None:
        return None
    if given.value != "agr":
        raise given.error("must be agr (age group, gender and race in the dataset's words)", "or leave it out")
    return "agr"


def _frames(given: Field | None) -> FrameSampling | None:
    if given is None:
        return None
    try:
        return parse_sampling(given.text())
    except FeabError as error:
        raise given.error(str(error)) from None


def _folds(given: Field | None) -> str | None:
    if given is None:
        return None
    if not _COLUMN.fullmatch(given.text()):
        raise given.error("must name the dataset's column that holds the fold, such as fold")
    return given.text()


def _threshold(metadata: Field, kind: Kind | None) -> float | None:
    given = metadata.get("threshold")
    if given is None or kind is None:
        return None
    if kind != "action_units":
        raise given.error("only tasks of kind action_units have an intensity threshold")
    return given.number(0.01, 5)


def _words(given: Field | None) -> str:
    return "" if given is None else " ".join(given.text(500).split())


def _kind(field: Field) -> Kind:
    for kind in KINDS:
        if field.value == kind:
            return kind
    raise field.error(f"must be one of {', '.join(KINDS)}")


def _version(field: Field) -> str:
    if not isinstance(field.value, str):
        return str(field.number(0, 1e6))
    version = field.text(50)
    if set("<>\n") & set(version):  # it goes into manifests, which hold no markup
        raise field.error("may not hold <, > or an end of line", 'write it such as "1.0"')
    return version


def _split(field: Field) -> str:
    if not SPLIT.fullmatch(field.text()):
        raise field.error("must start with a letter, and may hold letters, digits and _ only")
    return field.text()


def _name(field: Field, name: str | None = None) -> str:
    """The text of a field, or its key, where that is a name."""
    name = field.text() if name is None else name
    if not NAME.fullmatch(name):
        raise field.error("may hold letters, digits, _ . and - only")
    return name


def _labels(metadata: Field, kind: Kind | None, notes: Notes) -> tuple[str, ...]:
    given = metadata.get("labels")
    if kind != "expression":
        if given is not None and kind is not None:
            raise given.error("only tasks of kind expression have labels")
        return ()
    given = given or metadata.need("labels", "the list of expression labels that can be answered")
    labels = [element.text(50) for element in given.elements()]
    if not 2 <= len(labels) <= MAX_OPTIONS or len({label.casefold() for label in labels}) < len(labels):
        raise given.error(f"must be 2 to {MAX_OPTIONS} different labels")
    for element in given.elements():
        label = element.text(50)
        if label != label.strip().casefold() or "," in label or "\n" in label:
            notes.note(element.problem("labels are lower case, without commas or spaces around them"))
    return tuple(labels)


def _aus(metadata: Field, kind: Kind | None) -> tuple[int, ...]:
    given = metadata.get("aus")
    if kind != "action_units":
        if given is not None and kind is not None:
            raise given.error("only tasks of kind action_units have aus")
        return ()
    return _numbers(given or metadata.need("aus", "the list of action unit numbers that can be answered"))


def _numbers(given: Field) -> tuple[int, ...]:
    aus = [element.integer(1, 99) for element in given.elements()]
    if not 1 <= len(aus) <= MAX_OPTIONS or aus != sorted(set(aus)):
        raise given.error(f"must be 1 to {MAX_OPTIONS} different numbers in rising order")
    return tuple(aus)


def _coded_by(given: Field | None, aus: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Source -> the AUs that its faces are asked about."""
    if given is None:
        return {}
    if not aus:
        raise given.error("only tasks of kind action_units ask about AUs by source")
    found = {_name(child, source): _numbers(child) for source, child in given.items()}
    for source, child in given.items():
        if not set(found[source]) <= set(aus):
            raise child.error("must be some of `aus`")
    return found


def _definitions(given: Field | None, options: tuple[str, ...], notes: Notes) -> dict[str, str]:
    found: dict[str, str] = {}
    if given is not None:
        for option, child in given.items():
            if option not in options:
                message = f"defines something that cannot be answered; options are {', '.join(options)}"
                notes.note(child.problem(message))
            found[option] = notes.attempt(_words, "", child)
    return found


def _wording(given: Field, kind: Kind | None) -> Field | None:
    """The `metadata` of the shipped task whose words are taken: `prompts: synth_expression`. None where none is named.

    Tasks about the same thing are asked in the same words by this, and a task file holds what is its own.
    """
    if not isinstance(given.value, str):
        return None
    name = given.text()
    file = content.shipped("tasks") / f"{name}.yaml"
    if not NAME.fullmatch(name) or not file.is_file():
        raise given.error(f"{name!r} is no shipped task whose prompts could be taken", "name one, or write prompts")
    metadata = read_yaml(file).need("metadata", "the task's")
    if metadata.need("kind", "its kind").value != kind or isinstance(metadata.need("prompts", "its own").value, str):
        raise given.error(f"{name!r} asks for something else, or has no prompts of its own")
    return metadata


def _taken(given: Field | None, options: tuple[str, ...]) -> dict[str, str]:
    """What another task's words say of those options that this one has too."""
    return {} if given is None else {option: _words(child) for option, child in given.items() if option in options}


def _prompts(given: Field, notes: Notes) -> dict[str, Prompt]:
    found: dict[str, Prompt] = {}
    for name, child in given.items():
        prompt = notes.attempt(_prompt, None, name, child, notes)
        if prompt is not None:
            found[name] = prompt
    if all(name != DEFAULT_PROMPT for name, _ in given.items()):
        raise given.error(f"lacks {DEFAULT_PROMPT!r}, the prompt whose scores rank")
    if len(found) > MAX_OPTIONS:
        raise given.error(f"holds more than {MAX_OPTIONS} prompts")
    return found


def _prompt(name: str, given: Field, notes: Notes) -> Prompt:
    if not NAME.fullmatch(name) or name == "all":
        notes.note(given.problem("a prompt's name may hold letters, digits, _ . and - only, and not be 'all'"))
    _only(given, _PROMPT_FIELDS, notes)
    json, shuffled = given.get("json"), given.get("shuffled")
    return Prompt(
        name=name,
        text=notes.attempt(lambda: given.need("text", "the wording").text(MAX_TEMPLATE), ""),
        max_tokens=notes.attempt(
            lambda: given.need("max_tokens", "the tokens an answer may take").integer(1, 32_768), 0
        ),
        json=json is not None and notes.attempt(json.flag, False),
        shuffled=shuffled is not None and notes.attempt(shuffled.flag, False),
    )
