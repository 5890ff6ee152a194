"""A task: which samples are asked about, in which words, and what is scored. Data only, read from a YAML file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from feab.clips.sampling import FrameSampling
from feab.clips.showing import Shown
from feab.errors import FeabError
from feab.records import Image, Media, Message, Question, Sample, Sampling, Text
from feab.schemas import TaskIdentity
from feab.tasks.attributes import Attributes, attribute_words, told
from feab.tasks.crops import AS_DELIVERED, Seen, all_shown
from feab.tasks.template import Template, compiled
from feab.vocabulary import ACTION_UNITS, Kind

AXES: tuple[str, ...] = ("valence", "arousal")
DEFAULT_PROMPT = "direct"


class Asker(Protocol):
    """From a sample to all questions of one task about it."""

    def __call__(self, sample: Sample, seen_before: Seen | None = None) -> list[Question]:
        """`seen_before`: one for all tasks that ask about this sample, so that its video is decoded once for them."""
        ...


def asked_column(kind: Kind) -> str:
    """The flag by which a set whose labels are kept by a leaderboard says which faces a kind of task is about."""
    return f"asked_{kind}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One wording of a task's question, with the number of tokens its answer may take."""

    name: str
    text: str
    max_tokens: int
    json: bool = False
    """The answer is asked for as JSON, and models that can be held to a schema are given one."""
    shuffled: bool = False
    """The options are reordered for every sample, by its id alone."""


@dataclass(frozen=True, slots=True)
class Task:
    """One question about every labelled face of one split, at one grain.

    `labels` are the expression labels offered, `aus` the action units asked for (both empty where they do not apply).
    With `threshold`, an AU is present at that intensity (0 to 5) or more; without it, as the presence column says.
    """

    name: str
    kind: Kind
    version: str
    dataset: str
    split: str
    prompts: Mapping[str, Prompt]
    labels: tuple[str, ...] = ()
    aus: tuple[int, ...] = ()
    threshold: float | None = None
    crop: str = AS_DELIVERED
    frames: FrameSampling | None = None
    """Which frames of a clip are shown; None for tasks about pictures."""
    attributes: Attributes | None = None
    """agr: each question is preceded by what the dataset says of the person's age, gender and race."""
    folds: str | None = None
    """The column that says in which of the customary folds a face is tested; None where there are none."""
    coded_by: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Source -> those of `aus` that it codes, which alone its faces are asked about; all are asked of other faces."""
    definitions: Mapping[str, str] = field(default_factory=dict)
    """Option (label, AU number as text, or axis) -> what it means, in our words."""
    description: str = ""
    file: Path | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """What can be answered: labels, AU numbers as text, or the two axes, in the order of the file."""
        if self.kind == "expression":
            return self.labels
        return tuple(str(au) for au in self.aus) if self.kind == "action_units" else AXES

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns of a dataset that hold this task's truth."""
        if self.kind == "expression":
            return ("expression",)
        if self.kind == "valence_arousal":
            return AXES
        what = "presence" if self.threshold is None else "intensity"
        return tuple(f"au{au:02d}_{what}" for au in self.aus)

    def of_source(self, source: str | None) -> Task:
        """The task as faces of one source are asked: without the AUs that this source does not code."""
        aus = self.coded_by.get(source or "")
        return self if aus is None else replace(self, aus=aus, coded_by={})

    @property
    def as_asked(self) -> tuple[Task, ...]:
        """The task itself, then as it is asked of those sources that code some of its AUs only."""
        return (self, *map(self.of_source, self.coded_by))

    def prompt_names(self, wanted: str | Sequence[str] = DEFAULT_PROMPT) -> tuple[str, ...]:
        """Prompt names from a comma list or a sequence; "all" means every prompt of the task, in file order.

        Raises:
            FeabError: for a name the task does not have.
        """
        names = words_of(wanted)
        if "all" in names:
            return tuple(self.prompts)
        for name in names:
            if name not in self.prompts:
                known = ", ".join(self.prompts)
                raise FeabError(f"task {self.name} has no prompt {name!r}; it has {known} (or all)")
        return tuple(dict.fromkeys(names))

    def identity(self, prompts: str | Sequence[str] = "all") -> TaskIdentity:
        """What changes the answers or their scores, hashed: version, options, wording of the prompts used.

        Raises:
            FeabError: for an unknown prompt, or one whose wording cannot be filled in.
        """
        used = {name: self._prompt_sha256(self.prompts[name]) for name in self.prompt_names(prompts)}
        everything: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "version": self.version,
            "dataset": self.dataset,
            "split": self.split,
            "labels": self.labels,
            "aus": self.aus,
            "threshold": self.threshold,
            "crop": self.crop,
            "prompts": used,
        }
        if self.folds is not None:  # tasks without folds keep the hash that they had before there were any
            everything["folds"] = self.folds
        if self.coded_by:
            everything["coded_by"] = dict(self.coded_by)
        if self.attributes is not None:  # tasks that tell none keep the hash that they had before there were such
            everything["attributes"] = self.attributes
        if self.frames is not None:  # tasks about pictures keep the hash that they had before there were clips
            everything["frames"] = str(self.frames)
        return TaskIdentity(
            version=self.version,
            kind=self.kind,
            dataset=self.dataset,
            split=self.split,
            prompts=used,
            frames=None if self.frames is None else str(self.frames),
            sha256=digest(everything),
        )

    def _prompt_sha256(self, prompt: Prompt) -> str:
        # The words as they are filled in, too: what an AU looks like is said in feab.vocabulary, not in the task file.
        words = [task.prompt_text(prompt.name) for task in self.as_asked]
        return digest(
            {
                "text": prompt.text,
                "words": words if self.coded_by else words[0],
                "max_tokens": prompt.max_tokens,
                "json": prompt.json,
                "shuffled": prompt.shuffled,
            }
        )

    def asks_about(self, sample: Sample) -> bool:
        """Whether the sample carries a label that this task can score; others are not asked about.

        Where the labels are kept by a leaderboard, its set says so.
        """
        flag = sample.extra.get(asked_column(self.kind))
        if flag is not None:
            return bool(flag)
        if self.kind == "expression":
            return sample.expression in self.labels
        if self.kind == "valence_arousal":
            return sample.valence is not None and sample.arousal is not None
        coded = sample.au_presence if self.threshold is None else sample.au_intensity
        return any(coded.get(au) is not None and coded[au] == coded[au] for au in self.aus)  # not NaN

    def order(self, prompt: str, sample: str) -> tuple[str, ...]:
        """The options as this prompt shows them for this sample; shuffled by the sha256 of its id and the option."""
        if not self.prompts[prompt].shuffled:
            return self.options

        def position(option: str) -> bytes:  # unlike random.shuffle, the same in every Python
            return hashlib.sha256(f"{sample}\0{option}".encode("utf-8", "surrogatepass")).digest()

        return tuple(sorted(self.options, key=position))

    def prompt_text(self, prompt: str, sample: str = "") -> str:
        """The words of one prompt; `sample` (its id) matters to shuffled prompts only.

        Raises:
            FeabError: when the wording cannot be filled in.
        """
        return self.wording(prompt)(sample)

    def wording(self, prompt: str) -> Callable[[str], str]:
        """A function from a sample's id to the prompt's words: `prompt_text` for many samples, at the price of one."""
        template = compiled(self.prompts[prompt].text)
        if not self.prompts[prompt].shuffled:
            text = self._render(template, self.options)
            return lambda sample: text
        return lambda sample: self._render(template, self.order(prompt, sample))

    def _render(self, template: Template, options: tuple[str, ...]) -> str:
        units = self.kind == "action_units"
        meaning: dict[Any, str] = {int(o) if units else o: self.definition(o) for o in options}
        return template.render(
            {
                "labels": options if self.kind == "expression" else (),
                "aus": tuple(int(o) for o in options) if units else (),
                "axes": options if self.kind == "valence_arousal" else (),
                "definitions": meaning,
            }
        )

    def definition(self, option: str) -> str:
        """What an option means: the task's own words, else for an AU its FACS name and our note on how it looks."""
        if option in self.definitions:
            return self.definitions[option]
        if self.kind == "action_units" and int(option) in ACTION_UNITS:
            unit = ACTION_UNITS[int(option)]
            return f"{unit.name}: {unit.appearance}"
        return option

    def questions(
        self,
        samples: Iterable[Sample],
        prompts: str | Sequence[str] = DEFAULT_PROMPT,
        *,
        draws: int = 1,
        seed: int = 0,
        sampling: Sampling | None = None,
    ) -> Iterator[Question]:
        """Lazily, one question per sample and prompt, sample by sample; samples without the task's label are skipped.

        The limit on tokens is the prompt's, never `sampling`'s.

        Raises:
            FeabError: for a prompt the task does not have (on the call, before the first question).
        """
        about = self.asker(prompts, draws=draws, seed=seed, sampling=sampling)
        return (question for sample in samples for question in about(sample))

    def asker(
        self,
        prompts: str | Sequence[str] = DEFAULT_PROMPT,
        *,
        draws: int = 1,
        seed: int = 0,
        sampling: Sampling | None = None,
    ) -> Asker:
        """A function from a sample to all questions about it, in the order of `prompts`; none where it has no label.

        Raises:
            FeabError: for a prompt the task does not have.
        """
        settings = sampling or Sampling(seed=seed)
        names = self.prompt_names(prompts)
        builders = {
            source: [self.of_source(source)._builder(name, draws, settings) for name in names]
            for source in ("", *self.coded_by)
        }

        def about(sample: Sample, seen_before: Seen | None = None) -> list[Question]:
            if not self.asks_about(sample):
                return []
            # Once: of a video the frames are decoded for all prompts.
            seen = all_shown(sample, self.crop, self.frames, seen_before)
            words = attribute_words(sample) if self.attributes is not None else ""
            return [build(sample.id, seen, words) for build in builders.get(sample.source or "", builders[""])]

        return about

    def question(
        self, sample: str, media: Media, prompt: str = DEFAULT_PROMPT, *, sampling: Sampling | None = None
    ) -> Question:
        """The question about one picture that need not be in any dataset; `sample` is a name to know it by.

        Raises:
            FeabError: unless `prompt` names one prompt of the task.
        """
        names = self.prompt_names(prompt)
        if len(names) != 1:
            raise FeabError(f"prompt {prompt!r}: ask with one prompt at a time, such as {', '.join(self.prompts)}")
        return self._builder(names[0], 1, sampling or Sampling())(sample, Shown((media,)), "")

    def _builder(self, name: str, draws: int, sampling: Sampling) -> Callable[[str, Shown, str], Question]:
        """From a sample's id, pictures and attributes in words to the question in the words of one prompt."""
        prompt = self.prompts[name]
        words = self.wording(name)
        settings = replace(sampling, max_tokens=prompt.max_tokens)
        schema = answer_schema(self) if prompt.json else None

        def build(sample: str, seen: Shown, attributes: str) -> Question:
            return Question(
                task=self.name,
                sample=sample,
                prompt=name,
                kind=self.kind,
                messages=(Message("user", (*map(Image, seen.pictures), Text(told(words(sample), attributes)))),),
                choices=() if self.kind == "valence_arousal" else self.order(name, sample),
                schema=schema,
                n=draws,
                sampling=settings,
                times=seen.times,
            )

        return build


def answer_schema(task: Task) -> dict[str, Any]:
    """JSON schema of a task's answer, in the subset that constrained decoders and hosted APIs understand."""
    return object_schema(answer_properties(task.kind, task.labels, task.aus))


def answer_properties(kind: Kind, labels: Sequence[str], aus: Sequence[int]) -> dict[str, Any]:
    """The fields by which a JSON answer of one kind is given, each with its schema: {"expression": {...}} and the like.

    Args:
        kind: of the answer.
        labels: the expressions to choose from, where the kind is that.
        aus: the action units to choose from, where the kind is that.
    """
    if kind == "expression":
        return {"expression": {"type": "string", "enum": list(labels)}}
    if kind == "valence_arousal":
        return {axis: {"type": "number", "minimum": -1, "maximum": 1} for axis in AXES}
    return {"action_units": {"type": "array", "items": {"type": "integer", "enum": list(aus)}}}


def object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    """JSON schema of an object that has these fields, all of them and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def words_of(wanted: str | Sequence[str]) -> list[str]:
    """The words of a comma list, or of several."""
    return [word.strip() for item in ([wanted] if isinstance(wanted, str) else wanted) for word in item.split(",")]


def digest(value: Any) -> str:
    """The sha256 of a value as canonical JSON (sorted keys, no spaces, ASCII)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
