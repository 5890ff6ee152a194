"""`make_feid`: from folders of annotations to a FEID folder, which training reads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import feab
from feab.clips.sampling import DEFAULT
from feab.clips.showing import shown
from feab.data import Dataset
from feab.data.annotations import read_annotations
from feab.data.feid.info import INFO, FeidInfo, FeidSource
from feab.data.feid.llava import IMAGES, WRITTEN, LlavaWriter
from feab.data.feid.record import FEID_TASKS, FeidRecord
from feab.data.feid.write import DATA, FeidWriter, write_feid_info
from feab.data.names import safe_name
from feab.errors import FeabError
from feab.generation.feid_card import CARD, write_card
from feab.generation.instructions import Face, Instructor, Plan
from feab.generation.labels import labels_of
from feab.generation.linking import Linking
from feab.generation.rewriting import REWRITES, Rewrites, ask_all, questions
from feab.generation.sources import Source, open_source
from feab.generation.tallies import Tally
from feab.generation.templates import Templates, load_templates
from feab.journal import FileLock, Progress
from feab.runs.permission import check_labels
from feab.tasks import Task, load_tasks
from feab.vocabulary import EXPRESSIONS

if TYPE_CHECKING:
    from feab.models import Model

Format = Literal["llava", "ferid"]
"""What may be written beside the Parquet files."""

FORMATS: tuple[Format, ...] = get_args(Format)
SPLIT = "train"

OnFace = Callable[[int, int], None]
"""Called with faces done and faces in all."""


@dataclass(frozen=True, slots=True)
class Made:
    """A FEID folder that was made."""

    path: Path
    info: FeidInfo
    notes: tuple[str, ...] = ()
    """What a reader should know, a line each."""


def make_feid(
    folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | Dataset | None = None,
    plan: Plan | None = None,
    tasks: str | Sequence[str] = (),
    include: Sequence[str | os.PathLike[str]] = (),
    formats: Collection[str] = FORMATS,
    seed: int = 0,
    name: str | None = None,
    rewriter: Model | None = None,
    permission: str | None = None,
    templates: str | os.PathLike[str] | None = None,
    on_progress: OnFace | None = None,
    on_answer: Callable[[Progress], None] | None = None,
) -> Made:
    """Make instruction data from what `annotate` wrote: what people labelled, and what was generated surely enough.

    Rejected levels are never used, nor are faces that may be those of people under 18. The same annotations, wordings
    and seed give the same files, byte for byte (with one pyarrow version).

    Args:
        folders: one folder of annotations, or several of different datasets.
        out: the FEID folder: a new or empty one, or one that holds a FEID already, which is replaced.
        data: the annotated dataset, its name or folder, where it lies elsewhere than when it was annotated.
        plan: how many conversations of each kind are made of a face.
        tasks: names or groups of feab's tasks, whose own questions are put as well; it teaches the benchmark's form.
        include: further folders of tasks.
        formats: what is written beside the Parquet files: "llava", "ferid".
        seed: fixes wordings, order of options and the like.
        name: of the FEID; by default that of the folder.
        rewriter: a model that puts answers into other words; what contradicts the annotation is refused. It is sent
            text only, never a face; but the text states the datasets' labels.
        permission: where it is written that labels of a dataset marked `ask` may go to a third party, if the rewriter
            is one; it is kept in feid.json.
        templates: a folder of wordings of your own, as `generation/templates/`.
        on_progress: called with faces done and faces in all.
        on_answer: told about each answer of the rewriter.

    Raises:
        FeabError: when a folder is no folder of annotations or its dataset is not here or another, a picture cannot be
            read, nothing can be said of any face, `out` holds other things, or permission is missing.
        KeyboardInterrupt: on Ctrl-C, also while the rewriter is asked; the same call goes on.
    """
    places = [folders] if isinstance(folders, (str, os.PathLike)) else list(folders)
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise FeabError(f"format {unknown[0]!r}: known are {', '.join(FORMATS)} (Parquet is always written)")
    if plan is not None and not any(plan.counts.values()) and not tasks:
        raise FeabError("at least one kind of conversation is needed")
    if not places:
        raise FeabError("name one folder of annotations at least")
    if data is not None and len(places) > 1:
        raise FeabError("--data goes with one folder of annotations")
    sources = [open_source(place, data) for place in places]
    repeated = [place for place, n in Counter(source.place for source in sources).items() if n > 1]
    if repeated:
        raise FeabError(f"{repeated[0]} is annotated by two of the folders; name one of them")
    needed = [] if rewriter is None else [check_labels(one.dataset.info, rewriter.info, permission) for one in sources]
    folder = _claimed(Path(out).expanduser())
    job = _Job(
        sources,
        load_templates(None if templates is None else Path(templates)),
        plan or Plan(),
        seed,
        _tasks(tasks, include),
        permission if any(needed) else None,
    )
    with FileLock(folder / ".lock", str(folder)).held():
        if rewriter is not None:
            records = (record for _, records in job.faces(Tally(), None) for record in records)
            ask_all(rewriter, questions(records, job.templates, seed), folder / REWRITES, on_answer)
        _clear(folder)
        return job.write(folder, formats, name or safe_name(folder.name), rewriter, on_progress)


@dataclass(frozen=True, slots=True)
class _Job:
    sources: Sequence[Source]
    templates: Templates
    plan: Plan
    seed: int
    tasks: Sequence[Task]
    permission: str | None
    """With which the rewriter, a third party, was asked."""

    def faces(self, tally: Tally, on_progress: OnFace | None) -> Iterator[tuple[Source, list[FeidRecord]]]:
        """The records of face after face; each call deals the same wordings from fresh decks."""
        done, total = 0, sum(source.decided for source in self.sources)
        for source in self.sources:
            tables = source.annotations.manifest.identity.recipe.knowledge
            instructor = Instructor.of(
                self.templates,
                seed=self.seed,
                plan=self.plan,
                linking=Linking(tables.theory, tables.anchors, tables.loadings),
                tasks=self.tasks,
                labels=source.dataset.info.labels or EXPRESSIONS,
            )
            rows = {sample: row for row, sample in enumerate(source.dataset.ids)}
            for line in read_annotations(source.annotations.file):
                row = rows.get(line.sample)
                if row is None:
                    raise FeabError(f"{source.annotations.file}: {source.place} has no sample {line.sample!r}")
                done += 1
                if on_progress is not None:
                    on_progress(done, max(total, done))
                if line.sample in source.withheld:
                    tally.withhold(source.place)
                    continue
                labels = labels_of(line, source.human.coded(row))
                sample = source.dataset[row]
                pictures = shown(sample, DEFAULT if source.dataset.has_clips else None).pictures
                face = Face(
                    sample=line.sample,
                    source=sample.source or source.dataset.name,
                    labels=labels,
                    images=pictures,
                    subject=sample.subject,
                    prefix=f"{source.place}/",
                )
                records = list(instructor.records(face))
                tally.add(source.place, line, labels, records)
                yield source, records

    def write(
        self, folder: Path, formats: Collection[str], name: str, rewriter: Model | None, on_progress: OnFace | None
    ) -> Made:
        """All files of the folder; feid.json is the last."""
        tally = Tally()
        with ExitStack() as held:
            writer = held.enter_context(FeidWriter(folder, SPLIT))
            beside = None
            if formats:
                beside = LlavaWriter(folder, llava="llava" in formats, ferid="ferid" in formats)
                held.enter_context(beside)
            rewrites = None if rewriter is None else Rewrites.of(folder / REWRITES)
            if rewrites is not None:
                held.callback(rewrites.close)
            for _, records in self.faces(tally, on_progress):
                said = records if rewrites is None else [rewrites.apply(record) for record in records]
                writer.add(said)
                if beside is not None:
                    beside.add(said)
            if not writer.records:
                raise FeabError(
                    "no conversation could be made: no face has a level that is human or sure enough (all rejected?); "
                    "`feab seke report` shows why"
                )
            split = writer.finish()
            if beside is not None:
                beside.finish()
        info = FeidInfo(
            name=name,
            seed=self.seed,
            feab_version=feab.__version__,
            templates_sha256=self.templates.sha256,
            splits={SPLIT: split},
            sources=[self._told(source, tally) for source in self.sources],
            tasks={task: tally.tasks[task] for task in FEID_TASKS if tally.tasks[task]},
            records_by_origin=dict(tally.origins),
            rewriting=None if rewriter is None or rewrites is None else rewrites.told(rewriter.name, self.permission),
            images_may_be_shared=all(source.dataset.info.images_may_be_shared for source in self.sources),
        )
        write_card(folder, info, tally, formats)
        write_feid_info(folder, info)
        return Made(folder, info, tuple(_notes(self.sources)))

    def _told(self, source: Source, tally: Tally) -> FeidSource:
        known, counts = source.dataset.info, tally.of(source.place)
        return FeidSource(
            dataset=source.dataset.name,
            split=source.dataset.split,
            fingerprint=source.annotations.manifest.dataset.fingerprint,
            licence=known.licence[:500],
            images_may_be_shared=known.images_may_be_shared,
            third_party=known.third_party,
            origin=known.source[:2000],
            annotator=source.annotations.manifest.model,
            faces=counts.faces,
            unused=counts.unused,
            withheld=counts.withheld,
            levels=counts.told(),
        )


def _tasks(names: str | Sequence[str], include: Sequence[str | os.PathLike[str]]) -> Sequence[Task]:
    return load_tasks(names, include=include) if names else ()


def _notes(sources: Sequence[Source]) -> Iterator[str]:
    for source in sources:
        if not source.annotations.complete:
            yield f"{source.annotations.path}: annotating is not finished; FEID holds the faces that are decided"
        if not source.dataset.info.images_may_be_shared:
            yield f"{source.place}: its licence ({source.dataset.info.licence}) does not let its faces be passed on"


def _claimed(folder: Path) -> Path:
    """The folder to write to; what lies in it must be a FEID, or what an earlier call left there."""
    ours = {INFO, REWRITES, CARD, DATA, IMAGES, *WRITTEN}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = sorted(path.name for path in folder.iterdir() if path.name not in ours and path.name[:1] != ".")
    except OSError as error:
        raise FeabError(f"{folder}: cannot be used ({error.strerror})") from None
    if strange:
        raise FeabError(f"{folder}: holds other things ({strange[0]!r}); give an empty folder with --out")
    return folder


def _clear(folder: Path) -> None:
    """Remove what an earlier call wrote, but for the journal; without feid.json the folder is not complete."""
    for name in (INFO, CARD, *WRITTEN):
        (folder / name).unlink(missing_ok=True)
    for path in (folder / IMAGES).glob("*"):
        path.unlink()
