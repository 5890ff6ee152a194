"""Scores as the Hugging Face Hub shows them on a model's page, in both forms that its repository may hold them in.

`.eval_results/*.yaml` (`huggingface_hub.EvalResultEntry`) has a place for one number a task: interval, chance and how
it was asked stand in its notes. The model card has the same numbers under `model-index`, among the metadata at the top
of README.md (`huggingface_hub.EvalResult`). Neither says that they were verified: only the Hub may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from feab.errors import FeabError
from feab.plots.page import percent
from feab.runs.folder import Run
from feab.runs.names import is_repository
from feab.runs.table import incomplete
from feab.schemas import EstimateModel, Scores, TaskIdentity, TaskScores
from feab.tasks.scoring import ORACLE, main_prompt

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, EvalResultEntry

HUB_EVAL = ".eval_results/feab.yaml"
"""Its path in a model's repository."""
MODEL_INDEX = "model-index.yaml"
"""Beside it where nobody has a repository at hand: what belongs into the metadata of the model card."""

SOURCE = "feab"
"""Of results in a model card: by it we know ours again."""
_TASK = "image-text-to-text"
"""The Hub's word for models that are asked about pictures."""


@dataclass(frozen=True, slots=True)
class HubResults:
    """The scores of one run, as a model's repository holds them."""

    entries: tuple[EvalResultEntry, ...]
    card: tuple[EvalResult, ...]

    @property
    def file(self) -> bytes:
        """What `.eval_results/feab.yaml` holds."""
        from huggingface_hub import eval_result_entries_to_yaml

        return to_yaml(eval_result_entries_to_yaml(list(self.entries))).encode()

    def model_index(self, name: str) -> list[dict[str, Any]]:
        """What the metadata of a card hold under `model-index` where no other result is there; `name`: the model's."""
        from huggingface_hub.repocard_data import eval_results_to_model_index

        found: list[dict[str, Any]] = eval_results_to_model_index(name, list(self.card))
        return found


def write_hub_eval(run: Run, scores: Scores, dataset: str | None, folder: Path) -> tuple[Path, ...]:
    """Write both forms under a folder, which is then that of a model's repository; returns their paths.

    Raises:
        FeabError: as `hub_eval`.
        OSError: when the disk refuses.
    """
    found = hub_eval(run, scores, dataset)
    index = {"model-index": found.model_index(run.manifest.identity.model)}
    files = {folder / HUB_EVAL: found.file, folder / MODEL_INDEX: to_yaml(index).encode()}
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tuple(files)


def hub_eval(run: Run, scores: Scores, dataset: str | None) -> HubResults:
    """The primary score of each task, in both forms.

    Args:
        run: a complete run.
        scores: of it.
        dataset: OWNER/NAME of the repository on the Hub whose faces they are about.

    Raises:
        FeabError: when the run is incomplete or no score of it is defined, or the dataset is not named.
    """
    from huggingface_hub import EvalResult, EvalResultEntry

    if not run.complete:
        raise FeabError(f"{run.path}: {incomplete(run)}; scores of an incomplete run are not published")
    if dataset is None or not is_repository(dataset):
        raise FeabError("name the Hub's repository that the faces are in: --hub-dataset OWNER/NAME")
    entries, card = [], []
    for name, told, task, score, value in _defined(run, scores):
        notes = _notes(run, told, task, score)
        entries.append(
            EvalResultEntry(
                dataset_id=dataset, task_id=name, value=value, date=run.manifest.updated, notes=notes
            )
        )  # fmt: skip
        card.append(
            EvalResult(
                task_type=_TASK,
                task_name="Reading faces",
                dataset_type=dataset,
                dataset_name=told.dataset,
                dataset_split=told.split,
                metric_type=task.primary,
                metric_name=f"{name}, {task.primary}{_interval(score, ' (95 % interval {} to {})')}",
                metric_value=value,
                source_name=SOURCE,
                source_url=f"https://huggingface.co/datasets/{dataset}",
            )
        )
    if not entries:
        raise FeabError(f"{run.path}: none of its scores is defined")
    return HubResults(tuple(entries), tuple(card))


def to_yaml(value: object) -> str:
    """A value as YAML in the order it has, as people write it."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))


def _defined(run: Run, scores: Scores) -> Iterator[tuple[str, TaskIdentity, TaskScores, EstimateModel, float]]:
    """Of each task with a score: its name, how it was asked, its scores, the primary one, and that one's number."""
    for name, task in scores.tasks.items():
        score = task.metrics[task.primary]
        if score.value is not None:
            yield name, run.manifest.identity.tasks[name], task, score, round(score.value, 4)


def _interval(score: EstimateModel, words: str) -> str:
    return "" if score.low is None or score.high is None else words.format(f"{score.low:.3f}", f"{score.high:.3f}")


def _notes(run: Run, told: TaskIdentity, task: TaskScores, score: EstimateModel) -> str:
    parts = [f"{task.primary} on {told.dataset}/{told.split}, {task.n:,} faces"]
    if interval := _interval(score, "95 % interval {} to {}"):
        parts.append(interval)
    chance = {player: value for player, value in task.chance.items() if player != ORACLE}  # which has seen the label
    if chance:
        player = max(chance, key=lambda name: chance[name])
        parts.append(f"{player} {chance[player]:.3f}")
    identity = run.manifest.identity
    parts.append(f"prompt {main_prompt(list(told.prompts))}")
    if identity.scoring != "generate":
        parts.append(identity.scoring)
    parts.append(f"{percent(task.coverage)} answered")
    return "; ".join([*parts, f"task {told.version}, feab {run.manifest.feab_version}"])
