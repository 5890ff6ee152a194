"""The door through which lm-evaluation-harness reads feab's task files.

A task file names these functions with `!function`; feab itself never calls them and never imports lm_eval. The harness
gives `dataset` the file's whole `metadata`, so `lm_eval --include_path tasks --metadata '{"prompt": "json"}'` picks a
prompt and `{"data": "/some/folder"}` another dataset. A model is sent the same words and picture as in a feab run (with
`--apply_chat_template`, which chat models need); answers are read by the same parser and scored by the same formulas.
What the harness cannot do is keep failed requests apart from answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from feab.errors import FeabError
from feab.pictures import PICTURE_FORMATS
from feab.tasks.attributes import attribute_words, told
from feab.tasks.crops import shown
from feab.tasks.load import METADATA_FIELDS, task_from_metadata
from feab.tasks.read import parse_yaml
from feab.tasks.task import AXES, DEFAULT_PROMPT, Task

if TYPE_CHECKING:
    from feab.metrics import ClusterSums, Estimate
    from feab.records import Answer, Sample

Item: TypeAlias = "tuple[Any, Any, str | None, str | None]"
"""Truth, answer or None, cluster, source: what `score_*` hands to the aggregations for every face."""


MARKER = "<image>"
"""Where lm-eval puts the picture in what it asks a model that it loads itself."""


class Picture:
    """A face image, read when it is needed. The harness logs whole documents; of this it can only log the name."""

    __slots__ = ("_crop", "_dataset", "_row", "name")

    def __init__(self, dataset: Sequence[Sample], row: int, name: str, crop: str) -> None:
        self._dataset, self._row, self.name, self._crop = dataset, row, name, crop

    def __repr__(self) -> str:
        return f"image of {self.name}"

    def read(self) -> bytes:
        """The encoded image as the task shows it."""
        return shown(self._dataset[self._row], self._crop).read()


class Documents(Sequence[dict[str, Any]]):
    """The faces of one split that the task can score, with the chosen prompt in a `question` column.

    `marker` goes before the question: `MARKER`, or nothing for a model behind an API.
    """

    def __init__(self, task: Task, prompt: str, dataset: Any, marker: str = MARKER) -> None:
        from feab.tasks.truth import truth_of

        self._task, self._prompt, self._dataset, self._marker = task, prompt, dataset, marker
        self._asked = {source: task.of_source(source) for source in ("", *task.coded_by)}
        self._wordings = {source: asked.wording(prompt) for source, asked in self._asked.items()}
        labels = dataset.labels()
        self._truth = truth_of(task, labels)
        row_of = {str(name): row for row, name in enumerate(labels["id"])}
        self._rows = [row_of[name] for name in self._truth.ids]
        if not self._rows:
            raise FeabError(f"{task.dataset}/{task.split} holds no sample with a label that task {task.name} scores")
        self.features = dict.fromkeys(self[0])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:  # type: ignore[override]
        task, truth = self._task, self._truth
        name = truth.ids[index]
        values = [None if v != v else float(v) for v in truth.values[index]]  # NaN is not JSON
        source = truth.sources[index]
        asked = source if source in self._asked else ""
        return {
            "id": name,
            "image": Picture(self._dataset, self._rows[index], name, task.crop),
            "marker": self._marker,
            "question": told(self._wordings[asked](name), self._attributes(self._rows[index])),
            "kind": task.kind,
            "options": list(self._asked[asked].order(self._prompt, name)),
            "aus": list(task.aus),
            "truth": truth.expression[index] if task.kind == "expression" else values,
            "target": _target(task, truth.expression[index], values),
            "cluster": truth.clusters[index],
            "source": source,
        }

    def _attributes(self, row: int) -> str:
        return attribute_words(self._dataset[row]) if self._task.attributes is not None else ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))


def dataset(**metadata: Any) -> dict[str, Documents]:
    """The split of a task, as lm-eval's `custom_dataset` wants it: {split: documents}.

    Args:
        metadata: the task file's `metadata`; further keys, which the harness adds, are passed over. `prompt` names the
            prompt that is asked, `direct` when it is not given.

    Raises:
        FeabError: when the metadata has a mistake, the dataset is not there or holds clips, or no face in it has the
            task's label.
    """
    from feab.data import load_dataset

    source = str(metadata.get("config_source", "metadata"))
    ours = {name: value for name, value in metadata.items() if name in METADATA_FIELDS}
    folder = str(ours.get("data", ""))
    if Path(folder).name != folder:  # a folder of the user's own, not a dataset's name
        ours["data"] = "custom"
    text = json.dumps(ours, ensure_ascii=False)
    task = task_from_metadata(Path(source).stem, parse_yaml(text.encode("utf-8"), Path(source)))
    (prompt,) = task.prompt_names(str(metadata.get("prompt", DEFAULT_PROMPT)).split(",")[:1])
    opened = load_dataset(folder, task.split)
    if opened.has_clips:
        raise FeabError(
            f"{folder}/{task.split} holds clips, and lm-eval is shown one picture of each sample: use feab run"
        )
    return {task.split: Documents(task, prompt, opened, _marker(metadata))}


def _marker(metadata: Mapping[str, Any]) -> str:
    """What stands for the picture in the text, told by the model's arguments, which lm-eval adds to the metadata.

    Its API models send the picture beside the text and leave the marker in it: the model would read "<image>", and a
    server that knows this word would look for a second picture. They alone take `base_url` and `model`.
    """
    return "" if metadata.keys() & {"base_url", "model"} else MARKER


def image(doc: dict[str, Any]) -> list[Any]:
    """The face as a list of one upright RGB PIL image: lm-eval's `doc_to_image`."""
    import io

    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(doc["image"].read()), formats=PICTURE_FORMATS) as picture:
        ImageOps.exif_transpose(picture, in_place=True)
        return [picture.convert("RGB")]


def score_expression(doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """One face's truth and answer under every metric of an expression task: lm-eval's `process_results`."""
    value = _parse(doc, results).value
    return _scored(doc, value, ("macro_f1", "macro_f1_low", "macro_f1_high", "accuracy", "uar"))


def score_valence_arousal(doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """One face's truth and answer under every metric of a valence-arousal task: lm-eval's `process_results`."""
    value = _parse(doc, results).value
    answer = None if value is None else list(cast("tuple[float, float]", value))
    return _scored(doc, answer, ("ccc", "ccc_low", "ccc_high", "ccc_valence", "ccc_arousal"))


def score_action_units(doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """One face's truth and answer under every metric of an action unit task: lm-eval's `process_results`."""
    value = _parse(doc, results).value
    # Options may be shuffled for the model and, where its source codes some alone, fewer: the truth is of all units.
    answer = None if value is None else [float(au in cast("frozenset[int]", value)) for au in doc["aus"]]
    return _scored(doc, answer, ("f1", "f1_low", "f1_high"))


def _parse(doc: dict[str, Any], results: Sequence[str]) -> Answer:
    from feab.answers import parse

    kind = doc["kind"]
    return parse(str(results[0]), kind, None if kind == "valence_arousal" else doc["options"])


def _scored(doc: dict[str, Any], answer: Any, names: Sequence[str]) -> dict[str, Any]:
    item: Item = (doc["truth"], answer, doc["cluster"], doc["source"])
    return {**dict.fromkeys(names, item), "coverage": float(answer is not None)}


def _target(task: Task, expression: str | None, values: Sequence[float | None]) -> str:
    if task.kind == "expression":
        return str(expression)
    if task.kind == "valence_arousal":
        return ", ".join(f"{axis}: {value:.2f}" for axis, value in zip(AXES, values, strict=True))
    return ", ".join(str(au) for au, value in zip(task.aus, values, strict=True) if value == 1) or "none"


# ------------------------------------------------------------------------------------------------------- aggregations
# lm-eval calls each with the list of all faces' items and prints the float it gets. It computes no error of its own
# for these, so the ends of the 95 % interval are metrics too.


def _expression(items: Sequence[Item]) -> ClusterSums:
    from feab.metrics import expression_sums

    truth, answers, clusters, sources = zip(*items, strict=True)
    # A label that no face displays is in none of these scores, so the truth's own labels are list enough.
    return expression_sums(truth, answers, sorted(set(truth)), clusters=clusters, sources=sources)


def _valence_arousal(items: Sequence[Item]) -> ClusterSums:
    from feab.metrics import valence_arousal_sums

    truth, answers, clusters, sources = zip(*items, strict=True)
    said = [(float("nan"), float("nan")) if answer is None else answer for answer in answers]
    return valence_arousal_sums(truth, said, clusters=clusters, sources=sources)


def _action_units(items: Sequence[Item]) -> ClusterSums:
    from feab.metrics import action_unit_sums

    truth, answers, clusters, sources = zip(*items, strict=True)
    k = len(truth[0])
    told = [[float("nan") if v is None else v for v in row] for row in truth]
    said = [[float("nan")] * k if answer is None else answer for answer in answers]
    return action_unit_sums(told, said, range(k), clusters=clusters, sources=sources)


def _estimate(sums: Callable[[Sequence[Item]], ClusterSums], items: Sequence[Item], name: str) -> Estimate:
    from feab.metrics import estimates

    return estimates(sums(items))[name]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def macro_f1(items: Sequence[Item]) -> float:
    """Mean F1 over the expression labels with at least five faces; NaN where undefined."""
    return _number(_estimate(_expression, items, "macro_f1").value)


def macro_f1_low(items: Sequence[Item]) -> float:
    """Lower end of the 95 % interval of `macro_f1`; NaN with fewer than ten clusters."""
    return _number(_estimate(_expression, items, "macro_f1").low)


def macro_f1_high(items: Sequence[Item]) -> float:
    """Upper end of the 95 % interval of `macro_f1`; NaN with fewer than ten clusters."""
    return _number(_estimate(_expression, items, "macro_f1").high)


def accuracy(items: Sequence[Item]) -> float:
    """Share of faces answered rightly; no answer is a wrong one."""
    return _number(_estimate(_expression, items, "accuracy").value)


def uar(items: Sequence[Item]) -> float:
    """Mean recall over the labels with at least five faces."""
    return _number(_estimate(_expression, items, "uar").value)


def ccc(items: Sequence[Item]) -> float:
    """Mean of the concordance correlations of valence and arousal."""
    return _number(_estimate(_valence_arousal, items, "ccc").value)


def ccc_low(items: Sequence[Item]) -> float:
    """Lower end of the 95 % interval of `ccc`; NaN with fewer than ten clusters."""
    return _number(_estimate(_valence_arousal, items, "ccc").low)


def ccc_high(items: Sequence[Item]) -> float:
    """Upper end of the 95 % interval of `ccc`; NaN with fewer than ten clusters."""
    return _number(_estimate(_valence_arousal, items, "ccc").high)


def ccc_valence(items: Sequence[Item]) -> float:
    """Concordance correlation of valence."""
    return _number(_estimate(_valence_arousal, items, "ccc_valence").value)


def ccc_arousal(items: Sequence[Item]) -> float:
    """Concordance correlation of arousal."""
    return _number(_estimate(_valence_arousal, items, "ccc_arousal").value)


def f1(items: Sequence[Item]) -> float:
    """Mean F1 over the action units with enough positives in the truth."""
    return _number(_estimate(_action_units, items, "f1").value)


def f1_low(items: Sequence[Item]) -> float:
    """Lower end of the 95 % interval of `f1`; NaN with fewer than ten clusters."""
    return _number(_estimate(_action_units, items, "f1").low)


def f1_high(items: Sequence[Item]) -> float:
    """Upper end of the 95 % interval of `f1`; NaN with fewer than ten clusters."""
    return _number(_estimate(_action_units, items, "f1").high)
