"""`annotate`: complete the levels that people left out of a dataset, in a folder that the same call resumes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from feab.data import Dataset
from feab.generation.prepare import Prepared, prepare
from feab.generation.recipe import DEFAULT, Recipe
from feab.generation.session import Session, Watcher
from feab.generation.store import DRAWS, Annotations, SekeManifest
from feab.generation.wording import wording_sha256
from feab.knowledge import Knowledge, fit_joint
from feab.models.wrappers import AnswerStore
from feab.runs.around import Copies, check_limits, known_card, loaded
from feab.runs.book import check_asked, claimed

if TYPE_CHECKING:
    from feab.models import Model


def annotate(
    model: str | Model,
    data: Dataset | str | PathLike[str],
    recipe: Recipe | str | PathLike[str] = DEFAULT,
    *,
    out: str | PathLike[str],
    split: str | None = None,
    given: Collection[str] | None = None,
    limit: int | None = None,
    include: Sequence[str | PathLike[str]] = (),
    permission: str | None = None,
    progress: Watcher | None = None,
    max_cost: float | None = None,
    cache: str | PathLike[str] | None = None,
    replicas: int | None = None,
    ray_address: str | None = None,
    gpus_per_replica: float | None = None,
    **adapter_args: Any,
) -> Annotations:
    """Have a model annotate the levels that people did not label, by SV-UAMC, and write what is sure enough.

    Every face is asked about in a pilot of several prompt contexts, then again as long as that pays; doubtful
    candidates are verified; what is not sure enough is rejected. How sure is enough is learnt from faces whose human
    labels are hidden from the model (recipe, `calibration`); these are not annotated. Human labels are kept as they
    are. The same call resumes: each answer is on disk before it is counted, and none is asked for twice.

    Args:
        model: name of a model (see `feab.load_model`) or a loaded one, which the caller closes.
        data: a dataset, its name or its path (also class folders or a CSV file, see `feab.load_dataset`).
        recipe: a recipe, the name of one that travels with feab, or the path of a YAML file.
        out: the folder; one that holds other annotations is refused.
        split: of the dataset; "train" where it has one, else "test".
        given: levels whose human labels are shown to the model, all others being hidden from it, for studies; no word
            or "none" hides all. By default it is given whatever people labelled.
        limit: at most so many faces, a seeded spread over the dataset.
        include: further folders of recipes and model cards.
        permission: where it is written that faces of a dataset marked `ask` may go to a third party.
        progress: told about each completion.
        max_cost: dollars that all sessions together must not exceed; needs a model card with a price.
        cache: folder of answers that any run may reuse; errors are never kept there.
        replicas: load the model so many times, each in a process of Ray's; see `feab.run`.
        ray_address: HOST:PORT of the Ray cluster that holds the replicas, or "auto".
        gpus_per_replica: such as 1, 4 or 0.5.
        adapter_args: passed to the adapter when `model` is a name.

    Raises:
        FeabError: for unknown names, wrong values, a folder in use or of another kind, missing permission.
        Stopped: a FeabError; when failures of one kind followed each other without an answer.
        OverBudget: a FeabError; when the next question might cost more than what is left of `max_cost`.
        OutOfReplicas: a FeabError; when no replica was left.
        Interrupted: on Ctrl-C (a KeyboardInterrupt), after everything is on disk.
    """
    check_limits(model, adapter_args, limit=limit, max_cost=max_cost)
    copies = Copies.asked_for(model, replicas, ray_address, gpus_per_replica)
    folder = Path(out).expanduser()
    with ExitStack() as held:
        held.enter_context(claimed(folder, DRAWS))  # a second process is turned away before it loads a model
        card = known_card(model, include, max_cost)
        store = None if cache is None else held.enter_context(closing(AnswerStore(cache)))
        rendering = None if progress is None else progress.rendering
        what = prepare(data, recipe, split=split, given=given, limit=limit, include=include, on_progress=rendering)
        numbers = what.recipe.knowledge_numbers()
        asked = _asked(what, numbers)
        check_asked(folder, asked, SekeManifest)
        if isinstance(model, str):
            model = held.enter_context(closing(loaded(model, include, adapter_args, copies)))
        session = Session(folder, what, fit_joint(numbers), model, card, progress)
        return session.run(asked, permission, store, max_cost)


def _asked(what: Prepared, numbers: Knowledge) -> dict[str, Any]:
    """The fields of the identity that do not depend on the model."""
    digest = hashlib.sha256()
    for field in fields(numbers):
        digest.update(np.asarray(getattr(numbers, field.name), float).tobytes())
    return {
        "dataset": f"{what.dataset.name}/{what.dataset.split}",
        "fingerprint": what.dataset.fingerprint,
        "calibration": {f"{one.name}/{one.split}": one.fingerprint for one in what.chosen.others},
        "recipe": what.recipe,
        "prompts": wording_sha256(),
        "knowledge": digest.hexdigest(),
        "given": None if what.given is None else list(what.given),
        "limit": what.limit,
    }
