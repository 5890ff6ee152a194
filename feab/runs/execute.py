"""Run: a model, tasks and a dataset become a folder of answers, which the same call resumes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from feab.errors import FeabError
from feab.journal import Asked, Journal, Progress, ask
from feab.models.wrappers import AnswerStore
from feab.records import Answer, FinishReason, Question, Sampling, Scoring
from feab.runs.around import Copies, check_limits, known_card, loaded
from feab.runs.book import Book, check_asked, claimed, manifest_for, requested, with_failed
from feab.runs.filling import disk_errors, filled
from feab.runs.folder import PREDICTIONS, Run
from feab.runs.identity import default_folder, identity_of
from feab.runs.parts import Part, check_kinds, check_pictures, check_scoring, plan, questions_of
from feab.runs.permission import check_faces
from feab.runs.scoring import score_parts
from feab.runs.selection import labels_kept
from feab.schemas import Identity, RunManifest

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.models import Model, ModelCard

DRAWN = Sampling(temperature=1.0, top_p=1.0)
"""How answers are drawn when several are asked for (our choice); a single one is greedy."""

RUNS = Path("runs")
"""Where run folders lie, unless --out says otherwise."""


class Watcher(Protocol):
    """Who wants to see a run proceed: the command line's progress display, or none."""

    def rendering(self, done: int, total: int) -> None:
        """Called before `start`, picture by picture, while a dataset is rendered or one of your own is read."""
        ...

    def start(self, path: Path, parts: Sequence[Part], journal: Journal) -> None:
        """Called once, before the first question; the journal may hold earlier answers."""
        ...

    def update(self, progress: Progress) -> None:
        """Called after each completion, from the thread that called `run`."""
        ...


def run(
    model: str | Model,
    tasks: str | Sequence[str] | None = None,
    *,
    data: Dataset | str | PathLike[str] | None = None,
    prompts: str | Sequence[str] = "direct",
    out: str | PathLike[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    draws: int = 1,
    scoring: Scoring = "generate",
    au_threshold: float | None = None,
    frames: str | None = None,
    include: Sequence[str | PathLike[str]] = (),
    permission: str | None = None,
    progress: Watcher | None = None,
    max_cost: float | None = None,
    cache: str | PathLike[str] | None = None,
    replicas: int | None = None,
    ray_address: str | None = None,
    gpus_per_replica: float | None = None,
    **adapter_args: Any,
) -> Run:
    """Ask a model every question of the tasks, write each answer as it comes, and score them.

    The same call resumes: answers that are there are kept, errors are asked again. The folder is
    `runs/<model>/<hash of what changes the answers>/`, or exactly `out`.

    Args:
        model: name of a model (see `feab.load_model`) or a loaded one, which the caller closes.
        tasks: names or groups of tasks, comma lists allowed. By default "synth"; with `data`, tasks made for the kinds
            of labels it holds (see `feab.tasks.made.made_for`).
        data: a dataset, its name or its path (also class folders or a CSV file, see `feab.load_dataset`) to use
            instead of the tasks' own.
        prompts: prompt variants, or "all".
        out: the run folder; one that holds another run is refused.
        limit: at most so many samples a task, a seeded spread over the dataset.
        seed: seeds sampling, the spread of `limit`, and nothing else.
        draws: answers asked per question; several are drawn at temperature 1.
        scoring: "generate": the model writes its answers; "choices": of a closed set the likeliest is taken, and all
            get probabilities; "yes-no": the same, each action unit asked for by itself. See `feab.tasks.choices`.
        au_threshold: for tasks that are made: intensity (0 to 5) from which an AU is present; 2 by default.
        frames: which frames of each clip are shown, such as "uniform:8", "apex:3" or "rate:2"
            (`feab.clips.sampling`); by default as the task says.
        include: further folders of tasks and model cards.
        permission: where it is written that faces of a dataset marked `ask` may go to a third party.
        progress: told about each completion, and about faces that must be rendered or read first.
        max_cost: dollars that the whole run, resumed or not, must not exceed; needs a model card with a price.
        cache: folder of answers that any run may reuse; errors are never kept there.
        replicas: load the model so many times, each in a process of Ray's, and share the questions out between them;
            they change how fast answers come, not what they are. See `feab.models.wrappers.load_replicas`.
        ray_address: HOST:PORT of the Ray cluster that holds the replicas, or "auto"; by default they are all on this
            machine.
        gpus_per_replica: such as 1, 4 or 0.5; by default an equal share of those there are, 1 at the most.
        adapter_args: passed to the adapter when `model` is a name.

    Raises:
        FeabError: for unknown names, wrong values, a folder in use or of another run, missing permission.
        Stopped: a FeabError; when failures of one kind followed each other without an answer.
        OverBudget: a FeabError; when the next question might cost more than what is left of `max_cost`.
        OutOfReplicas: a FeabError; when no replica was left, or each one died that was started.
        Interrupted: on Ctrl-C (a KeyboardInterrupt that carries the run), after everything is on disk.
    """
    if draws < 1:
        raise FeabError(f"draws {draws}: must be at least 1")
    check_limits(model, adapter_args, limit=limit, max_cost=max_cost)
    copies = Copies.asked_for(model, replicas, ray_address, gpus_per_replica)
    what: dict[str, Any] = {
        "prompts": prompts, "limit": limit, "seed": seed, "draws": draws, "au_threshold": au_threshold,
        "frames": frames, "include": include, "scoring": scoring,
    }  # fmt: skip
    folder = None if out is None else Path(out).expanduser()
    chosen = _Choice(folder, limit, seed, draws, scoring, au_threshold, permission, progress, max_cost)
    with ExitStack() as held:
        # A second process is turned away here, before it reads faces or loads a model.
        if chosen.out is not None:
            held.enter_context(claimed(chosen.out))
        elif isinstance(model, str):
            place = getattr(data, "path", data)  # of a dataset that was opened, where its labels were read from
            held.enter_context(requested(model, {"tasks": tasks, "data": place, **what, **adapter_args}, RUNS))
        card = known_card(model, include, max_cost)
        if cache is not None:
            chosen = replace(chosen, store=held.enter_context(closing(AnswerStore(cache))))
        parts = plan(tasks, data=data, **what, on_progress=None if progress is None else progress.rendering)
        if chosen.out is not None:
            check_asked(chosen.out, _asked(parts, limit=limit, seed=seed, draws=draws, scoring=scoring))
        if not isinstance(model, str):
            return _run(model, parts, chosen, None)
        return _run(held.enter_context(closing(loaded(model, include, adapter_args, copies))), parts, chosen, card)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the caller chose, beyond whom to ask what."""

    out: Path | None
    """The run folder, of which this process has the lock; None stands for the default folder."""
    limit: int | None
    seed: int
    draws: int
    scoring: Scoring
    au_threshold: float | None
    permission: str | None
    watcher: Watcher | None
    max_cost: float | None
    store: AnswerStore | None = None
    """The open cache."""


def identify(
    model: Model, parts: Sequence[Part], *, limit: int | None, seed: int, draws: int, scoring: Scoring = "generate"
) -> Identity:
    """Everything that changes the answers.

    Raises:
        FeabError: when the model says something of itself that a manifest cannot hold, such as an over-long name.
    """
    asked = _asked(parts, limit=limit, seed=seed, draws=draws, scoring=scoring)
    return identity_of(Identity, model.info, asked)


def _asked(
    parts: Sequence[Part], *, limit: int | None, seed: int, draws: int, scoring: Scoring = "generate"
) -> dict[str, Any]:
    """The fields of the identity that do not depend on the model."""
    from feab.tasks import choices

    sampling = sampling_for(draws, seed)
    return {
        "tasks": {part.task.name: choices.identity(part.task, part.prompts, scoring) for part in parts},
        "prompts": list(dict.fromkeys(name for part in parts for name in part.prompts)),
        "datasets": {f"{part.dataset.name}/{part.dataset.split}": part.dataset.fingerprint for part in parts},
        "crop": ", ".join(sorted({part.task.crop for part in parts})),
        "sampling": {"temperature": sampling.temperature, "top_p": sampling.top_p},
        "draws": draws,
        "seed": seed,
        "limit": limit,
        "scoring": scoring,
    }


def _run(model: Model, parts: Sequence[Part], chosen: _Choice, card: ModelCard | None) -> Run:
    info = model.info
    check_kinds(info, [part.task for part in parts])
    check_scoring(info, chosen.scoring, [part.task for part in parts])
    check_pictures(info, parts)
    needed = [check_faces(part.dataset, info, chosen.permission) for part in parts]
    identity = identify(model, parts, limit=chosen.limit, seed=chosen.seed, draws=chosen.draws, scoring=chosen.scoring)
    permission = chosen.permission if any(needed) else None
    if chosen.out is not None:
        return _run_in(chosen.out, identity, permission, model, parts, chosen, card)
    path = default_folder(identity, RUNS)
    with claimed(path):
        return _run_in(path, identity, permission, model, parts, chosen, card)


def _run_in(
    path: Path,
    identity: Identity,
    permission: str | None,
    model: Model,
    parts: Sequence[Part],
    chosen: _Choice,
    card: ModelCard | None,
) -> Run:
    """Ask and score in a folder whose lock this process has."""
    with disk_errors(path):
        manifest = manifest_for(
            path,
            identity,
            sum(part.expected for part in parts),
            permission,
            columns=parts[0].dataset.columns,  # with --data, the dataset of all parts
            au_threshold=chosen.au_threshold,
        )
        sampling = sampling_for(chosen.draws, chosen.seed)
        with Journal(path / PREDICTIONS, locked=True) as journal:
            finished = filled(
                Book(path, with_failed(manifest, journal.repaired), journal, card.price if card else None),
                model,
                card,
                partial(_ask, parts=parts, sampling=sampling, watcher=chosen.watcher),
                Run,
                store=chosen.store,
                max_cost=chosen.max_cost,
            )
        if not any(labels_kept(part.task, part.dataset) for part in parts):
            score_parts(finished, parts)
        return finished


def _ask(
    model: Model, book: Book[RunManifest], *, parts: Sequence[Part], sampling: Sampling, watcher: Watcher | None
) -> Asked:
    """Face by face, so that what a model made of a picture serves all questions about it."""
    if watcher is not None:
        watcher.start(book.path, parts, book.journal)

    def on_progress(progress: Progress) -> None:
        if watcher is not None:
            watcher.update(replace(progress, cost_usd=book.cost_usd))
        book.write_if_old()

    return ask(model, questions_of(parts, sampling), book.journal, parse=parse_answer, on_progress=on_progress)


def parse_answer(question: Question, text: str, reason: FinishReason) -> Answer:
    """What a text means as an answer to a question: its options are the only possible values."""
    from feab.answers import parse

    return parse(text, question.kind, question.choices or None, finish_reason=reason)


def sampling_for(draws: int, seed: int) -> Sampling:
    """Greedy for one answer, drawn for several."""
    return replace(DRAWN if draws > 1 else Sampling(), seed=seed)
