"""The report of a run: one self-contained HTML page, for the researcher and those she shows it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.records import Outcome
from feab.runs.files import write_atomic
from feab.runs.folder import Run, load_run
from feab.runs.frame import frame
from feab.runs.scoring import parts_of, score_parts
from feab.runs.table import explanations, incomplete
from feab.schemas import EstimateModel

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.runs.gallery import Gallery, Tables
    from feab.runs.parts import Part
    from feab.schemas import Scores, TaskScores

REPORT = "report.html"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written."""

    path: Path
    lacking: str | None
    """Why it has no gallery and no figures of single faces; None when it has them."""


def report(
    run: Run | str | PathLike[str],
    labels: Dataset | str | PathLike[str] | None = None,
    *,
    out: str | PathLike[str] | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a run's report, one HTML page that opens offline, and return its path.

    Where the dataset and the task files are here, the page is made from predictions and labels: scores, figures and a
    gallery of at most 400 faces, mistakes first. Where they are not, it is made from manifest.json and scores.json
    alone, and says what is missing. Faces are embedded only if the dataset allows it.

    Args:
        run: a run or its folder.
        labels: a dataset, its name or its folder, to take faces and labels from instead of the one the run names.
        out: the file to write, .html; by default report.html in the run folder.
        include: further folders of task files, if the run used such.
        on_progress: called with (done, total) pictures while a dataset has to be rendered first.

    Raises:
        FeabError: when the folder does not validate, the run was not scored and cannot be scored here, or the file
            cannot be written.
    """
    return write_report(run, labels, out=out, include=include, on_progress=on_progress).path


def write_report(
    run: Run | str | PathLike[str],
    labels: Dataset | str | PathLike[str] | None = None,
    *,
    out: str | PathLike[str] | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Written:
    """As `report`; also says what the page lacks."""
    found = run if isinstance(run, Run) else load_run(run)
    path = found.path / REPORT if out is None else Path(out).expanduser()
    if path.suffix.lower() not in (".html", ".htm"):
        raise FeabError(f"{path}: a report is written to a file that ends in .html")
    tables: Tables = {}
    gallery: Gallery | None = None
    stored = found.scores
    scores, lacking = stored, None
    try:
        parts = parts_of(found, labels, include=include, on_progress=on_progress)
        # Scored anew rather than read, so that scores, figures and gallery tell of the same answers and labels.
        scores = score_parts(found, parts, write=stored is None and out is None)
        tables, gallery = _look(found, parts)
    except FeabError as error:
        if scores is None:
            raise FeabError(f"{error}. {found.path} was not scored yet, so there is nothing to report") from None
        lacking = str(error).replace(str(Path.home()), "~")
    try:
        write_atomic(path, _page(found, scores, tables, gallery, lacking=lacking, differs=_differ(stored, scores)))
    except OSError as error:
        raise FeabError(f"{path}: cannot be written ({error.strerror or error})") from None
    return Written(path, lacking)


def _differ(stored: Scores | None, scores: Scores) -> bool:
    """Whether scores.json says something else of a task's own score than its answers do; digits past the sixth may."""

    def own(task: TaskScores) -> float | None:
        value = task.metrics.get(task.primary, EstimateModel(value=None)).value
        return None if value is None else round(value, 6)

    def told(of: Scores) -> dict[str, object]:
        return {name: (task.n, task.outcomes, own(task)) for name, task in of.tasks.items()}

    return stored is not None and told(stored) != told(scores)


def _look(run: Run, parts: Sequence[Part]) -> tuple[Tables, Gallery]:
    """The run face by face, and the faces to show."""
    from feab.runs.faces import face_by_face
    from feab.runs.gallery import build_gallery

    tables = face_by_face(run, parts)
    return tables, build_gallery(run, tables)


def _page(
    run: Run, scores: Scores, tables: Tables, gallery: Gallery | None, *, lacking: str | None, differs: bool
) -> Iterator[str]:
    """The page, bit by bit."""
    from feab.plots import pieces
    from feab.plots.page import stream
    from feab.runs import sections
    from feab.runs.drawings import face_blocks
    from feab.runs.gallery import RESULTS
    from feab.runs.probabilities import probability_blocks
    from feab.runs.provenance import identity_facts, run_facts
    from feab.runs.votes import vote_blocks

    tasks = [
        {
            "id": f"task-{position}",
            "name": name,
            "kind": sections.KINDS[task.kind],
            "blocks": [
                *face_blocks(f"t{position}", tables.get(name, {})),
                *sections.task_blocks(task),
                *vote_blocks(task),
                *probability_blocks(f"t{position}", task),
            ],
        }
        for position, (name, task) in enumerate(sections.tasks_shown(scores), start=1)
    ]
    return stream(
        _HERE / "report.html.j2",
        **frame(),
        model=run.manifest.identity.model,
        imported=run.manifest.provenance == "imported",
        incomplete=None if run.complete else incomplete(run),
        lacking=lacking,
        differs=differs,
        head=pieces.facts(identity_facts(run.manifest, scores)),
        overview=sections.overview(scores),
        sums=sections.sums_table(scores),
        notes=explanations(scores),
        outcomes=sections.outcomes(scores),
        tasks=tasks,
        slices=list(sections.slice_blocks(scores)),
        prompts=list(sections.prompt_blocks(scores)),
        gallery=gallery,
        results=RESULTS,
        outcome_words=[outcome.value for outcome in Outcome],
        run=[(title, pieces.facts(pairs)) for title, pairs in run_facts(run.manifest)],
    )
