"""From task files to `Task`s: discovery, groups, and validation that says which file, line and field is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from feab import content
from feab.errors import FeabError
from feab.tasks.read import Field, read_yaml
from feab.tasks.task import AXES, CROPS, DEFAULT_PROMPT, Prompt, Task
from feab.tasks.template import MAX_TEMPLATE
from feab.vocabulary import KINDS, Kind

MAX_FILES = 2_000
MAX_OPTIONS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
METADATA_FIELDS: frozenset[str] = frozenset({
    "kind", "version", "data", "split", "labels", "aus", "threshold", "crop", "definitions", "prompts", "description",
})  # fmt: skip
_PROMPT_FIELDS = frozenset({"text", "max_tokens", "json", "shuffled"})


@dataclass(frozen=True, slots=True)
class Group:
    """A name for several tasks or groups."""

    name: str
    members: tuple[str, ...]
    file: Path


Include = Sequence[str | PathLike[str]]


def list_tasks(include: Include = ()) -> list[Task]:
    """Every task that `load_tasks` can find, by name. Reads text files only: no dataset need be present.

    Raises:
        FeabError: when a task file is broken.
    """
    found = _discover(include)
    return [_task(item) for _, item in sorted(found.items()) if isinstance(item, Field) and _is_ours(item)]


def list_groups(include: Include = ()) -> dict[str, tuple[str, ...]]:
    """Group name -> the names of its tasks, nested groups resolved.

    Raises:
        FeabError: when a group names something unknown or contains itself.
    """
    found = _discover(include)
    return {name: tuple(_expand(name, found)) for name, item in sorted(found.items()) if isinstance(item, Group)}


def load_tasks(names: str | Sequence[str], include: Include = ()) -> list[Task]:
    """Tasks by name or group, in the order given, each once; every entry may be a comma list.

    Args:
        names: "synth", "synth_expression,synth_action_units" or a sequence of such.
        include: further folders of task files; a user's file wins over a shipped one of the same name.

    Raises:
        FeabError: for an unknown name, or a task file with a mistake (the message names file, line and field).
    """
    wanted = [n.strip() for item in ([names] if isinstance(names, str) else names) for n in item.split(",")]
    wanted = [name for name in wanted if name]
    if not wanted:
        raise FeabError("no task was named; `feab tasks` lists them")
    found = _discover(include)
    resolved = dict.fromkeys(leaf for name in wanted for leaf in _expand(name, found))
    tasks = []
    for name in resolved:
        item = found[name]
        assert isinstance(item, Field)
        task = _task(item)
        for prompt in task.prompts.values():
            try:
                task.prompt_text(prompt.name)
            except FeabError as error:
                raise FeabError(f"{task.file}: metadata.prompts.{prompt.name}.text: {error}") from None
        tasks.append(task)
    return tasks


def _discover(include: Include) -> dict[str, Field | Group]:
    """All tasks and groups of the content folders; the first folder that has a name wins."""
    found: dict[str, Field | Group] = {}
    for folder in content.folders("tasks", include):
        here: dict[str, Field | Group] = {}
        # is_file: a named pipe would never end. islice: --include / should fail, not hang.
        files = list(islice((f for f in folder.rglob("*.yaml") if _is_open(f, folder) and f.is_file()), MAX_FILES + 1))
        if len(files) > MAX_FILES:
            raise FeabError(f"{folder}: holds more than {MAX_FILES} .yaml files; give the folder of the tasks itself")
        for file in sorted(files):
            root = read_yaml(file)
            if root.get("adapter") and not (root.get("task") or root.get("group")):
                continue  # a model card: one folder of a user's own may hold both
            item: Field | Group = _group(root) if root.get("group") else root
            name = item.name if isinstance(item, Group) else _entry_name(root)
            if name in here:
                first = here[name].file
                raise FeabError(f"{file}: the name {name!r} is already taken by {first}; names must differ")
            here[name] = item
        found = {**here, **found}
    return found


def _is_open(file: Path, folder: Path) -> bool:
    """Whether no part of the path starts with a dot or an underscore (hidden files, templates of lm-eval)."""
    return not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _entry_name(root: Field) -> str:
    name = root.need("task", "the task's name, or 'group' for a group of tasks")
    if not _NAME.fullmatch(name.text()):
        raise name.error("may hold letters, digits, _ . and - only, and at most 100 of them")
    return name.text()


def _group(root: Field) -> Group:
    name = root.need("group", "the group's name")
    if not _NAME.fullmatch(name.text()):
        raise name.error("may hold letters, digits, _ . and - only, and at most 100 of them")
    members = root.need("task", "the list of the tasks in the group")
    listed = [members.text()] if isinstance(members.value, str) else [m.text() for m in members.elements()]
    if not listed:
        raise members.error("a group needs at least one task")
    return Group(name.text(), tuple(listed), root.file)


def _expand(name: str, found: dict[str, Field | Group], above: tuple[str, ...] = ()) -> list[str]:
    item = found.get(name)
    if item is None:
        where = f"group {above[-1]} names the unknown task" if above else "unknown task"
        known = ", ".join(sorted(found)) or "none"
        raise FeabError(f"{where} {name!r}; known tasks and groups: {known}. --include DIR adds a folder of your own")
    if isinstance(item, Field):
        return [name]
    if name in above:
        raise FeabError(f"{item.file}: group {name!r} contains itself ({' > '.join((*above, name))})")
    return [leaf for member in item.members for leaf in _expand(member, found, (*above, name))]


def _is_ours(root: Field) -> bool:
    """Whether a file is written for feab; other lm-eval tasks may lie in the same folder and are let be."""
    metadata = root.get("metadata")
    return metadata is not None and isinstance(metadata.value, dict) and "kind" in metadata.value


def _task(root: Field) -> Task:
    name = _entry_name(root)
    metadata = root.need("metadata", "a mapping with kind, version, data, split, prompts and labels or aus")
    task = task_from_metadata(name, metadata)
    # lm-eval reads these two beside metadata: where they differ, the two harnesses would not ask the same thing.
    split = root.get("test_split")
    if split is not None and split.value != task.split:
        raise split.error(f"must equal metadata.split ({task.split})")
    settings = root.get("generation_kwargs")
    limit = settings.get("max_gen_toks") if settings else None
    if limit is not None and limit.value != task.prompts[DEFAULT_PROMPT].max_tokens:
        raise limit.error(f"must equal metadata.prompts.{DEFAULT_PROMPT}.max_tokens")
    return task


def task_from_metadata(name: str, metadata: Field) -> Task:
    """Validate the `metadata` of a task file.

    Raises:
        FeabError: naming file, line and field.
    """
    _only(metadata, METADATA_FIELDS)
    kind_field = metadata.need("kind", f"one of {', '.join(KINDS)}")
    kind = _kind(kind_field)
    labels = _labels(metadata, kind)
    aus = _aus(metadata, kind)
    options = labels or tuple(map(str, aus)) or AXES
    crop = metadata.get("crop")
    if crop is not None and crop.value not in CROPS:
        raise crop.error(f"must be one of: {', '.join(CROPS)}")
    threshold = metadata.get("threshold")
    if threshold is not None and kind != "action_units":
        raise threshold.error("only tasks of kind action_units have an intensity threshold")
    description = metadata.get("description")
    return Task(
        name=name,
        kind=kind,
        version=_version(metadata.need("version", 'such as "1.0"; raise it with every change to the task')),
        dataset=_name(metadata.need("data", "the dataset's name, such as synth")),
        split=_name(metadata.need("split", "the split that is asked about, such as test")),
        prompts=_prompts(metadata.need("prompts", f"a mapping of prompts with at least {DEFAULT_PROMPT!r}")),
        labels=labels,
        aus=aus,
        threshold=None if threshold is None else threshold.number(0.01, 5),
        crop=CROPS[0] if crop is None else crop.text(),
        definitions=_definitions(metadata.get("definitions"), options),
        description="" if description is None else " ".join(description.text(500).split()),
        file=metadata.file,
    )


def _only(mapping: Field, known: frozenset[str]) -> None:
    for key, child in mapping.items():
        if key not in known:
            raise child.error(f"is not a field feab knows here; known are {', '.join(sorted(known))}")


def _kind(field: Field) -> Kind:
    for kind in KINDS:
        if field.value == kind:
            return kind
    raise field.error(f"must be one of {', '.join(KINDS)}")


def _version(field: Field) -> str:
    return field.text(50) if isinstance(field.value, str) else str(field.number(0, 1e6))


def _name(field: Field) -> str:
    if not _NAME.fullmatch(field.text()):
        raise field.error("may hold letters, digits, _ . and - only")
    return field.text()


def _labels(metadata: Field, kind: Kind) -> tuple[str, ...]:
    given = metadata.get("labels")
    if kind != "expression":
        if given is not None:
            raise given.error("only tasks of kind expression have labels")
        return ()
    given = given or metadata.need("labels", "the list of expression labels that can be answered")
    labels = [element.text(50) for element in given.elements()]
    if not 2 <= len(labels) <= MAX_OPTIONS or len({label.casefold() for label in labels}) < len(labels):
        raise given.error(f"must be 2 to {MAX_OPTIONS} different labels")
    for element in given.elements():
        label = element.text(50)
        if label != label.strip().casefold() or "," in label or "\n" in label:
            raise element.error("labels are lower case, without commas or spaces around them")
    return tuple(labels)


def _aus(metadata: Field, kind: Kind) -> tuple[int, ...]:
    given = metadata.get("aus")
    if kind != "action_units":
        if given is not None:
            raise given.error("only tasks of kind action_units have aus")
        return ()
    given = given or metadata.need("aus", "the list of action unit numbers that can be answered")
    aus = [element.integer(1, 99) for element in given.elements()]
    if not 1 <= len(aus) <= MAX_OPTIONS or aus != sorted(set(aus)):
        raise given.error(f"must be 1 to {MAX_OPTIONS} different numbers in rising order")
    return tuple(aus)


def _definitions(given: Field | None, options: tuple[str, ...]) -> MappingProxyType[str, str]:
    found: dict[str, str] = {}
    if given is not None:
        for option, child in given.items():
            if option not in options:
                raise child.error(f"defines something that cannot be answered; options are {', '.join(options)}")
            found[option] = " ".join(child.text(500).split())
    return MappingProxyType(found)


def _prompts(given: Field) -> MappingProxyType[str, Prompt]:
    found: dict[str, Prompt] = {}
    for name, child in given.items():
        if not _NAME.fullmatch(name) or name == "all":
            raise child.error("a prompt's name may hold letters, digits, _ . and - only, and not be 'all'")
        _only(child, _PROMPT_FIELDS)
        json, shuffled = child.get("json"), child.get("shuffled")
        found[name] = Prompt(
            name=name,
            text=child.need("text", "the wording").text(MAX_TEMPLATE),
            max_tokens=child.need("max_tokens", "the tokens an answer may take").integer(1, 32_768),
            json=json is not None and json.flag(),
            shuffled=shuffled is not None and shuffled.flag(),
        )
    if DEFAULT_PROMPT not in found:
        raise given.error(f"lacks {DEFAULT_PROMPT!r}, the prompt whose scores rank")
    if len(found) > MAX_OPTIONS:
        raise given.error(f"holds more than {MAX_OPTIONS} prompts")
    return MappingProxyType(found)
