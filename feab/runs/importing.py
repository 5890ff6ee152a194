"""Import: a file of answers that other programs collected becomes a run folder, scored like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from feab.errors import FeabError
from feab.journal import Journal
from feab.journal.files import sync_folder
from feab.runs.book import claimed, manifest_for
from feab.runs.files import write_model
from feab.runs.folder import MANIFEST, PREDICTIONS, Run
from feab.runs.outside.formats import Format, files_of, format_of, read
from feab.runs.outside.intake import Intake, Noted
from feab.runs.outside.rows import check_columns
from feab.runs.outside.source import Progress, Source
from feab.runs.parts import Part, plan
from feab.runs.scoring import score_parts
from feab.schemas import Identity, Name, OutcomeCounts, TaskIdentity

VERSION = "1"
"""Raised when the same file would be read as other answers."""

WORDING_UNKNOWN = "unknown"
"""Stands in a manifest where the hash of a prompt's wording would."""

Missing = Literal["incomplete", "no-answer"]
"""What faces without an answer in the file make of the run."""

_DRAFT = ".import"
"""The file of predictions until it is whole. A hidden name: what a kill leaves does not stand in the way."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A run made from a file, and what became of the file's rows."""

    run: Run
    rows: int
    """Rows read."""
    matched: Mapping[str, int]
    """How faces were found ("id", "file name", "file name without its ending") -> rows."""
    noted: tuple[Noted, ...]
    """What was not taken over, or not as it stood, and why; only what occurred."""
    missing: Noted
    """Answers that a complete run would have and the file has not, before `missing="no-answer"` filled them in."""


def import_run(
    file: str | PathLike[str],
    *,
    tasks: str | Sequence[str] | None = None,
    model: str,
    out: str | PathLike[str],
    format: Format | None = None,
    data: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    missing: Missing = "incomplete",
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Progress | None = None,
    on_rendering: Progress | None = None,
) -> Imported:
    """Make a run folder from answers that somebody else collected, and score it.

    The manifest marks the run as imported: neither the wording of the questions nor the sampling is known, and
    nothing in it says that they were feab's. Texts are read by the parser that reads every model's answers; labels go
    through the same aliases, and a label outside the task's list is no answer, which is wrong.

    Args:
        file: a CSV, JSON Lines or JSON file, or what lm-eval logged (`samples_*.jsonl`, or the folder of them).
        tasks: names or groups of the tasks that the answers are to; None means `synth`, or with `data` of your own
            those that its labels are for, as `feab.run` makes them.
        model: whose answers they are, in the words that tables shall show.
        out: the run folder to make; one that holds another run is refused.
        format: "csv", "jsonl", "json" or "lm-eval"; by default told from the file's name.
        data: dataset name, folder or CSV file that the answers are about, instead of the tasks' own.
        columns: our names of columns -> the file's, such as {"id": "img", "expression": "pred"}.
        missing: "incomplete" leaves faces without an answer absent, and the run says INCOMPLETE; "no-answer" takes
            them for answers that could not be read, which score as wrong.
        include: further folders of tasks.
        on_progress: called with bytes read and bytes in all, where the file is large.
        on_rendering: called with (done, total) pictures while a dataset has to be rendered first.

    Raises:
        FeabError: naming file and line of what cannot be read; when no row names a face of the dataset, or none of
            the answers to a task can be read; for unknown tasks or data; for a folder in use or of another run.
    """
    path = Path(file).expanduser()
    folder = Path(out).expanduser()
    columns = dict(columns or {})
    _check(model, missing, columns)
    kind = format_of(path) if format is None else format
    files = files_of(path, kind)
    source = Source(files, on_progress)
    with claimed(folder):
        intake = Intake(plan(tasks, data=data, include=include, on_progress=on_rendering), folder / _DRAFT)
        try:
            with intake.open() as journal:
                for said in read(files, kind, source, columns, intake.names):
                    intake.take(said)
                absent = intake.finish(fill=missing == "no-answer")
            args = {"format": kind, "sha256": source.digest.hexdigest(), "columns": columns, "missing": missing}
            run, parts = _settle(folder, intake, journal, model, args)
        finally:
            (folder / _DRAFT).unlink(missing_ok=True)
        score_parts(run, parts)
    return Imported(run, intake.rows, dict(intake.matched), intake.notes(), absent)


def _check(model: str, missing: str, columns: Mapping[str, str]) -> None:
    try:
        TypeAdapter(Name).validate_python(model)
    except ValidationError:
        raise FeabError(
            f"model {model[:60]!r}: give a name of 1 to 200 characters, none of them < or > or a control character"
        ) from None
    if missing not in get_args(Missing):
        raise FeabError(f"missing {missing!r}: must be one of {', '.join(get_args(Missing))}")
    check_columns(columns)


def _settle(
    folder: Path, intake: Intake, journal: Journal, model: str, args: Mapping[str, Any]
) -> tuple[Run, list[Part]]:
    """Put the predictions in place, with a manifest that is true at every moment."""
    parts = intake.parts()
    identity = _identity(model, args, parts)
    expected = sum(part.expected for part in parts)
    manifest = manifest_for(folder, identity, expected, None, columns=parts[0].dataset.columns, au_threshold=None)
    input_tokens, output_tokens = journal.tokens
    whole = manifest.model_copy(
        update={
            "provenance": "imported",
            "outcomes": journal.outcomes(),
            "input_tokens": input_tokens or None,
            "output_tokens": output_tokens or None,
        }
    )
    write_model(folder / MANIFEST, whole.model_copy(update={"outcomes": OutcomeCounts()}))
    (folder / _DRAFT).replace(folder / PREDICTIONS)
    sync_folder(folder)
    write_model(folder / MANIFEST, whole)
    return Run(folder, whole), parts


def _identity(model: str, args: Mapping[str, Any], parts: Sequence[Part]) -> Identity:
    """What is known of answers that were collected elsewhere, which is little."""
    return Identity(
        model=model,
        adapter="imported",
        adapter_version=VERSION,
        adapter_args=dict(args),
        tasks={part.task.name: _task_identity(part) for part in parts},
        prompts=list(dict.fromkeys(name for part in parts for name in part.prompts)),
        datasets={f"{part.dataset.name}/{part.dataset.split}": part.dataset.fingerprint for part in parts},
        crop="unknown",
        image_size="unknown",
        sampling={},
        draws=max(part.draws for part in parts),
    )


def _task_identity(part: Part) -> TaskIdentity:
    """The task without its wording, which nobody says was used."""
    return part.task.identity([]).model_copy(update={"prompts": dict.fromkeys(part.prompts, WORDING_UNKNOWN)})
