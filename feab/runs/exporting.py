"""Export: the predictions of a run in the form that other programs read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from feab.errors import FeabError
from feab.journal.files import create_anew
from feab.runs.folder import Run, load_run
from feab.runs.outside.cells import cells_of, guarded, header, table_writer
from feab.runs.outside.hub_eval import write_hub_eval
from feab.runs.outside.lm_eval_files import write_lm_eval
from feab.runs.parts import Part
from feab.runs.scoring import parts_of, score_parts
from feab.vocabulary import FEAB_17

if TYPE_CHECKING:
    from feab.data import Dataset

ExportFormat = Literal["csv", "lm-eval", "hub-eval"]
MAX_AUS = 1_000
"""Most different AU numbers that a table has columns for."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    predictions: int
    """Predictions in them."""
    left_out: int
    """Lines of the run that the format has no place for: failures, in lm-eval's."""
    labels_of: tuple[str, ...]
    """Datasets whose labels are in the files, each with its licence, whose terms hold for the files too."""


def export_run(
    run: Run | str | PathLike[str],
    out: str | PathLike[str],
    *,
    format: ExportFormat = "csv",
    labels: bool = False,
    data: Dataset | str | PathLike[str] | None = None,
    hub_dataset: str | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write a run for other programs. `import_run` makes the same predictions of "csv" and of "lm-eval".

    Args:
        run: a run or its folder.
        out: the file (CSV) or folder (lm-eval) to write; files of the same name are replaced.
        format: "csv": a row a prediction, answers in columns of their own. "lm-eval": `results_<time>.json` and
            `samples_<task>_<time>.jsonl` as lm-evaluation-harness writes them with --log_samples, in a folder a prompt
            where the run has several; it needs the dataset, for it holds the truth. Neither ever holds an image.
            "hub-eval": the scores alone, as the Hugging Face Hub shows them on a model's page, in `.eval_results`, and
            as `model-index.yaml` for the metadata of a model card.
        labels: "csv": add the truth, in columns `true_...`, which needs the dataset.
        data: a dataset, its name or folder, to take the labels from instead of the one the run names.
        hub_dataset: "hub-eval": OWNER/NAME of the Hub's repository that the faces are in.
        include: further folders of tasks, if the run used such.
        on_progress: called with (done, total) pictures while a dataset has to be rendered first.

    Raises:
        FeabError: when the folder does not validate, `out` is in it or cannot be written, or a task or dataset that
            is needed is not the one that was asked.
    """
    found = run if isinstance(run, Run) else load_run(run)
    target = Path(out).expanduser()
    if format not in get_args(ExportFormat):
        raise FeabError(f"format {format!r}: there are {', '.join(get_args(ExportFormat))}")
    if target.resolve().is_relative_to(found.path.resolve()):
        raise FeabError(f"{target}: lies in the run folder, which is only for the run's own files; give another --out")
    scores = found.scores if format == "hub-eval" else None
    needed = labels or format == "lm-eval" or (format == "hub-eval" and scores is None)
    parts = parts_of(found, data, include=include, on_progress=on_progress) if needed else []
    try:
        if format == "lm-eval":
            files, written, left_out = write_lm_eval(found, parts, target)
        elif format == "hub-eval":
            scores = scores or score_parts(found, parts, write=False)
            return Exported(write_hub_eval(found, scores, hub_dataset, target), 0, 0, ())
        else:
            files, written, left_out = (target,), _write_csv(found, parts, target), 0
    except OSError as error:
        raise FeabError(f"{target}: cannot be written ({error.strerror or error})") from None
    infos = {part.dataset.info.name: part.dataset.info for part in parts}
    return Exported(files, written, left_out, tuple(f"{name} ({info.licence})" for name, info in infos.items()))


def _write_csv(run: Run, parts: Sequence[Part], target: Path) -> int:
    aus = _aus(run)
    truth = {part.task.name: _Truth(part) for part in parts}
    columns = list(dict.fromkeys(name for found in truth.values() for name in found.columns))
    written = 0
    with _replaced(target) as file:
        write = table_writer(file)
        write([*header(aus), *(f"true_{name}" for name in columns)])
        for prediction in run.predictions():
            known = truth[prediction.task].of(prediction.sample) if prediction.task in truth else {}
            write([*cells_of(prediction, aus), *(known.get(name, "") for name in columns)])
            written += 1
    return written


def _aus(run: Run) -> list[int]:
    """The AUs that have a column: none in a run without such a task, else FEAB-17 and what its answers name."""
    found = {au for line in run.predictions() if isinstance(line.answer, list) for au in line.answer}
    if len(found) > MAX_AUS:
        raise FeabError(f"{run.path}: the answers name {len(found):,} different action units; at most {MAX_AUS} fit")
    asked = any(task.kind == "action_units" for task in run.manifest.identity.tasks.values())
    return sorted(found | set(FEAB_17)) if asked or found else []


class _Truth:
    """The labels of one task's faces, as cells."""

    def __init__(self, part: Part) -> None:
        frame = part.dataset.labels(("id", *part.task.label_columns))
        self._columns = {name: frame[name].tolist() for name in part.task.label_columns if name in frame}
        self._rows = {str(name): row for row, name in enumerate(frame["id"])}

    @property
    def columns(self) -> tuple[str, ...]:
        """The label columns there are."""
        return tuple(self._columns)

    def of(self, sample: str) -> Mapping[str, str]:
        """The labels of one face as cells; an empty one is not labelled."""
        row = self._rows.get(sample)
        return {} if row is None else {name: _cell(values[row]) for name, values in self._columns.items()}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return guarded(value)
    return "" if value is None or value != value else f"{value:.9g}"  # NaN; nine digits tell float32 apart


@contextmanager
def _replaced(target: Path) -> Iterator[IO[str]]:
    """A text file that takes the place of `target` once it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        raise FeabError(f"{target}: is a folder; name the file to write")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with os.fdopen(create_anew(draft), "w", encoding="utf-8", newline="") as file:
            yield file
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
