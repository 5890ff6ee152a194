"""Faces, and what people said of them, leave the machine only with permission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.data.ages import minors as minors_of
from feab.errors import FeabError
from feab.schemas import DatasetInfo

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.models import ModelInfo

FACES = "faces"
LABELS = "labels, also in words,"
"""What may be sent."""


def check_faces(dataset: Dataset, model: ModelInfo, reference: str | None) -> bool:
    """Whether sending the faces of a dataset to a model needed, and has, the user's recorded permission.

    Raises:
        FeabError: as `check_permission`.
    """
    return check_permission(
        dataset.info,
        model=model.name,
        local=model.local,
        endpoint=model.endpoint,
        reference=reference,
        minors=0 if model.local else len(minors_of(dataset)),
    )


def check_labels(info: DatasetInfo, model: ModelInfo, reference: str | None) -> bool:
    """Whether sending sentences that state a dataset's labels to a model needed, and has, the user's permission.

    Labels are the dataset's as much as its pictures are, and most licences speak of both: the same rule (our choice).

    Raises:
        FeabError: as `check_permission`.
    """
    local, endpoint = model.local, model.endpoint
    return check_permission(info, LABELS, model=model.name, local=local, endpoint=endpoint, reference=reference)


def check_permission(
    info: DatasetInfo,
    what: str = FACES,
    *,
    model: str,
    local: bool,
    endpoint: str | None,
    reference: str | None,
    minors: int = 0,
) -> bool:
    """Whether sending this dataset's faces, or `what` else, needed, and has, the user's recorded permission.

    Models on this machine or a private network need none. Otherwise the dataset's card decides: `allowed` needs
    none, `ask` needs a reference (who allowed it, when), `forbidden` cannot be overridden. `minors` is how many of its
    faces are in an age group that can hold people under 18: one is enough for a refusal that nothing overrides.

    Raises:
        FeabError: naming the licence or the age groups, when the faces must not be sent.
    """
    if local:
        return False
    where = f"{model} runs at {endpoint}" if endpoint else f"{model} does not run on this machine"
    if minors:
        raise FeabError(
            f"{where}, and {minors:,} faces of {info.name} are in age groups that can hold people under 18: feab sends "
            "none of them to third parties; use a model on your own machine, or a dataset folder without those faces"
        )
    if info.third_party == "allowed":
        return False
    licence = f"{where}, and the licence of {info.name} ({info.licence})"
    if info.third_party == "forbidden":
        raise FeabError(f"{licence} forbids sending its {what} to third parties; use a model on your own machine")
    if not (reference and reference.strip()):
        raise FeabError(
            f"{licence} asks for permission before its {what} go to third parties; if you have it, say where it is "
            'written: --i-have-permission "REFERENCE" (it goes into the manifest)'
        )
    return True
