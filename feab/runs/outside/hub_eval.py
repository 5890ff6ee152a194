"""Scores as the Hugging Face Hub shows them on a model's page: `.eval_results/*.yaml` of its repository.

The form is `huggingface_hub.EvalResultEntry`. It has a place for one number a task: interval, chance and how it was
asked stand in its notes.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from feab.errors import FeabError
from feab.plots.page import percent
from feab.runs.folder import Run
from feab.runs.names import is_repository
from feab.runs.table import incomplete
from feab.schemas import EstimateModel, Scores, TaskIdentity, TaskScores
from feab.tasks.scoring import main_prompt

HUB_EVAL = ".eval_results/feab.yaml"
"""Its path in a model's repository."""


def write_hub_eval(run: Run, scores: Scores, dataset: str | None, folder: Path) -> tuple[Path, ...]:
    """Write the file under a folder, which is then that of a model's repository; returns its path.

    Raises:
        FeabError: as `hub_eval`.
        OSError: when the disk refuses.
    """
    data = hub_eval(run, scores, dataset)
    path = folder / HUB_EVAL
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return (path,)


def hub_eval(run: Run, scores: Scores, dataset: str | None) -> bytes:
    """The file: an entry for the primary score of each task.

    Args:
        run: a complete run.
        scores: of it.
        dataset: OWNER/NAME of the repository on the Hub whose faces they are about.

    Raises:
        FeabError: when the run is incomplete or no score of it is defined, or the dataset is not named.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    if not run.complete:
        raise FeabError(f"{run.path}: {incomplete(run)}; scores of an incomplete run are not published")
    if dataset is None or not is_repository(dataset):
        raise FeabError("name the Hub's repository that the faces are in: --hub-dataset OWNER/NAME")
    entries = []
    for name, task in scores.tasks.items():
        score = task.metrics[task.primary]
        if score.value is None:
            continue
        entries.append(
            EvalResultEntry(
                dataset_id=dataset,
                task_id=name,
                value=round(score.value, 4),
                date=run.manifest.updated,
                notes=_notes(run, run.manifest.identity.tasks[name], task, score),
            )
        )
    if not entries:
        raise FeabError(f"{run.path}: none of its scores is defined")
    text = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=120)
    return text.encode()


def _notes(run: Run, told: TaskIdentity, task: TaskScores, score: EstimateModel) -> str:
    parts = [f"{task.primary} on {told.dataset}/{told.split}, {task.n:,} faces"]
    if score.low is not None and score.high is not None:
        parts.append(f"95 % interval {score.low:.3f} to {score.high:.3f}")
    if task.chance:
        player = max(task.chance, key=lambda name: task.chance[name])
        parts.append(f"{player} {task.chance[player]:.3f}")
    identity = run.manifest.identity
    parts.append(f"prompt {main_prompt(list(told.prompts))}")
    if identity.scoring != "generate":
        parts.append(identity.scoring)
    parts.append(f"{percent(task.coverage)} answered")
    return "; ".join([*parts, f"task {told.version}, feab {run.manifest.feab_version}"])
