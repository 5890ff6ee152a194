"""Which datasets a leaderboard scores, and whose labels it scores them with: its own, never the submitter's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from types import MappingProxyType

from feab.data import read_info
from feab.data.places import load_dataset, named
from feab.errors import FeabError
from feab.runs.folder import Run
from feab.runs.parts import Part
from feab.runs.scoring import parts_of
from feab.schemas import TaskIdentity
from feab.tasks.task import asked_column


@dataclass(frozen=True, slots=True)
class LabelSet:
    """One split of a dataset as a leaderboard scores it."""

    fingerprint: str
    """Of the split as it is given out: a manifest must name it."""
    labels: str | PathLike[str] | None = None
    """The folder of the dataset with its labels, if it is not the one known by that name: one that is not served."""
    hidden: bool = False
    """Whether nobody but the leaderboard has the labels. Its scores are told to two decimals, and no more of it."""
    season: str | None = None


@dataclass(frozen=True, slots=True)
class Sets:
    """What a leaderboard scores: the sets named here, and every prepared dataset that is known here by its name."""

    named: Mapping[str, LabelSet] = field(default_factory=lambda: MappingProxyType({}))
    """"dataset/split" -> set."""
    include: Sequence[str | PathLike[str]] = ()
    """Further folders of task files."""

    def find(self, told: TaskIdentity) -> LabelSet | None:
        """The set that a task was asked about; None where there is none here."""
        place = f"{told.dataset}/{told.split}"
        if place in self.named:
            return self.named[place]
        folder = named(told.dataset)
        try:
            if folder is None or told.split not in read_info(folder).splits:  # no split is rendered for a stranger
                return None
            dataset = load_dataset(told.dataset, told.split)
            if asked_column(told.kind) in dataset.labels((asked_column(told.kind),)):
                return None  # given out by a leaderboard, which keeps the labels
            return LabelSet(dataset.fingerprint)
        except FeabError:
            return None

    def parts(self, run: Run) -> list[Part]:
        """What a run asked, with the leaderboard's labels.

        Raises:
            FeabError: as `feab.runs.scoring.parts_of`.
        """
        found = []
        for name, told in run.manifest.identity.tasks.items():
            only = run.manifest.identity.model_copy(update={"tasks": {name: told}})
            alone = replace(run, manifest=run.manifest.model_copy(update={"identity": only}))
            labels = self.find(told)
            found += parts_of(alone, None if labels is None else labels.labels, include=self.include)
        return found
