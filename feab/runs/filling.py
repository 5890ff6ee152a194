"""Asking what is missing in a folder of answers: the manifest is true at the end, whatever ends it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from feab.errors import FeabError
from feab.journal import Asked
from feab.models.wrappers import AnswerStore, BudgetReached, ReplicasLost
from feab.runs.around import wrapped
from feab.runs.book import Book
from feab.runs.endings import Interrupted, Made, OutOfReplicas, OverBudget, Stopped
from feab.schemas import Manifest

if TYPE_CHECKING:
    from feab.models import Model, ModelCard

M = TypeVar("M", bound=Manifest)
R = TypeVar("R", bound=Made)

Work: TypeAlias = "Callable[[Model, Book[M]], Asked]"

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO}
"""What a disk says when it takes no more: the user's to put right."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Around all that is written into a folder.

    Raises:
        FeabError: when the disk takes no more, in place of the error that said so.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise FeabError(
            f"{path}: cannot be written ({error.strerror}); what came back before is there, and the same command goes "
            "on from it"
        ) from error


def filled(
    book: Book[M],
    model: Model,
    card: ModelCard | None,
    work: Work[M],
    made: Callable[[Path, M], R],
    *,
    store: AnswerStore | None,
    max_cost: float | None,
) -> R:
    """Have `work` ask what is missing, and return what lies in the folder then.

    Args:
        book: of the folder; its journal is open.
        model: whom to ask: `work` gets it with a cache and a budget around it, where they are wanted.
        card: of the model, for its price.
        work: asks; called once.
        made: makes the result, which endings carry too, of the folder and its manifest.
        store: the open cache.
        max_cost: dollars that must not be exceeded in all.

    Raises:
        Interrupted: on Ctrl-C.
        Stopped: when failures of one kind followed each other without an answer.
        OverBudget: when the next question might cost more than what is left.
        OutOfReplicas: when no replica was left.
    """
    asked_of = wrapped(model, card, store=store, max_cost=max_cost, tokens=book.billed)

    def details() -> dict[str, Any]:
        return {"parameters": asked_of.info.parameters, **asked_of.info.details}

    book.details = details
    book.write()
    asked = Asked(0)
    ended: BudgetReached | ReplicasLost | None = None
    try:
        asked = work(asked_of, book)
    except (BudgetReached, ReplicasLost) as error:
        ended = error
    finally:
        finished = made(book.path, book.write())
    if ended is not None:
        raise (OverBudget if isinstance(ended, BudgetReached) else OutOfReplicas)(finished, ended)
    if asked.interrupted:
        raise Interrupted(finished)
    if asked.stopped is not None:
        raise Stopped(finished, asked.stopped)
    return finished
