"""What the leaderboard keeps of a submission: facts of the model, the entry with its scores, and lines of the log."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator

from feab.models.cards import Link, ModelCard
from feab.plots.page import number
from feab.records import Scoring
from feab.runs.names import odd_name
from feab.schemas import EstimateModel, Fraction, Name, OutcomeCounts, Sha256, SplitName, Strict, Versioned
from feab.vocabulary import Kind

Tier = Literal["verified", "rescored", "reported"]
"""verified: scored against labels that the submitter does not have, or run again by the leaderboard with a result that
agrees. rescored: against public labels. reported: a number of a paper, which is listed and never ranked. The tiers are
shown and never mixed."""

What = Literal["attempt", "accepted", "refused", "withdrawn", "verified", "disagreed"]
"""The last two: what came of running a listed model again."""

EntryId = Annotated[str, Field(pattern=r"^[0-9]{8}-[0-9a-f]{12}$")]
"""Day and the first digits of the answers' sha256. It names a folder, so it can be no path."""

RERUNS, RERUN = "reruns", "rerun.json"
"""In a submission's folder: second runs of its model, each in a folder named by the first digits of its answers' sha256
with manifest and answers; and what they came to."""

MANIFEST, PREDICTIONS, CARD, ENTRY = "manifest.json", "predictions.jsonl", "card.json", "entry.json"
"""The files of a submission, and the one that acceptance adds."""
PACKED = f"{PREDICTIONS}.gz"
"""The answers as a store holds them: a twentieth of their size."""

FACTS = ("access", "parameters", "licence", "release_date", "url", "trained_on", "may_have_seen", "description")
"""What a submission takes from a model's card. How the model was reached stays at home."""


class EntryCard(Versioned):
    """card.json: who a model is, as far as a table shows it."""

    name: Name
    """The model of the manifest."""
    access: Literal["open", "closed"]
    parameters: Annotated[int, Field(gt=0, lt=10**16)] | None = None
    licence: Name
    release_date: date | None = None
    url: Link | None = None
    trained_on: Annotated[list[Name], Field(max_length=100, default_factory=list)]
    may_have_seen: Annotated[list[Name], Field(max_length=100, default_factory=list)]
    description: Annotated[str, Field(max_length=500)] = ""

    @field_validator("name", "licence", "description", "trained_on", "may_have_seen")
    @classmethod
    def _plain(cls, value: str | list[str]) -> str | list[str]:
        for text in [value] if isinstance(value, str) else value:
            if (odd := odd_name(text)) is not None:
                raise ValueError(f"{odd}; write plain text")
            if "<" in text or ">" in text:
                raise ValueError("looks like markup; write plain text")
        return value

    @classmethod
    def of(cls, card: ModelCard, name: str) -> EntryCard:
        """The facts of a model's card, for a run whose manifest calls the model `name`."""
        return cls.model_validate({"name": name, **{field: getattr(card, field) for field in FACTS}})


class EntryTask(Strict):
    """What a submission scores on one task: its main prompt, and the primary score of each prompt beside it."""

    kind: Kind
    version: Name
    dataset: Name
    split: SplitName
    fingerprint: Sha256
    season: Name | None = None
    prompt: Name
    primary: Name
    metrics: dict[Name, EstimateModel]
    n: int
    coverage: Fraction
    outcomes: OutcomeCounts
    chance: dict[Name, float] = Field(default_factory=dict)
    prompts: dict[Name, EstimateModel] = Field(default_factory=dict)


class Entry(Versioned):
    """entry.json: an accepted submission, with the scores that the leaderboard computed."""

    id: EntryId
    submitted: str
    """When, in UTC, to the second."""
    user: Name
    tier: Tier
    """When it was accepted; what it is now, the log says (`feab.leaderboard.store.entries_of`)."""
    card: EntryCard
    revision: str | None
    identity_sha256: Sha256
    scoring: Scoring
    draws: int
    provenance: Literal["feab", "imported"]
    files: dict[str, Sha256]
    """sha256 of the manifest, the answers (unpacked) and the card."""
    tasks: dict[Name, EntryTask]
    overall: EstimateModel | None = None
    unlike_text: int = 0
    """Answers that this feab does not read in their texts."""
    feab_version: str
    """That scored it."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    wall_s: float = 0.0


class Again(Strict):
    """One task of a model that was run again, by the primary score."""

    score: EstimateModel
    """Of the second run."""
    difference: EstimateModel
    """The submitted score minus it, on the same faces, with the paired 95 % interval."""

    @property
    def agrees(self) -> bool:
        """Whether there is no difference, or its interval holds none: our choice."""
        value, low, high = self.difference.value, self.difference.low, self.difference.high
        if value is None:
            return False
        return value == 0 if low is None or high is None else low <= 0 <= high

    @property
    def told(self) -> str:
        """The numbers in words."""
        one, score = self.difference, self.score.value
        if score is None or one.value is None:
            return "the score is not defined"
        if one.value == 0:
            return f"again {number(score)}"
        around = "too few people for an interval"
        if one.low is not None and one.high is not None:
            around = f"95 % interval {number(one.low, signed=True)} to {number(one.high, signed=True)}"
        return f"again {number(score)}; submitted minus that {number(one.value, signed=True)} ({around})"


class Rerun(Versioned):
    """rerun.json: what came of running a listed model again, beside the second run's manifest and answers."""

    submission: EntryId
    rerun: str
    """When it was compared, in UTC, to the second."""
    user: Name
    """Who ran it again: never the one who submitted."""
    files: dict[str, Sha256]
    """sha256 of the second run's manifest and answers (unpacked)."""
    same: int
    """Answers that are alike in both runs."""
    answers: int
    differs: list[Name] = Field(default_factory=list)
    """What was not as in the first run and may be so: another engine, another seed."""
    tasks: dict[Name, Again]
    feab_version: str
    """That compared them."""

    @property
    def agrees(self) -> bool:
        """Whether every task does."""
        return all(task.agrees for task in self.tasks.values())


class Event(Versioned):
    """A line of log.jsonl: something that happened, chained to the line before it."""

    seq: Annotated[int, Field(ge=1)]
    time: str
    event: What
    user: Name
    attempt: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Joins what became of a submission to the line that opened it."""
    model: Name | None = None
    submission: EntryId | None = None
    reasons: Annotated[list[str], Field(max_length=20, default_factory=list)]
    files: dict[str, Sha256] = Field(default_factory=dict)
    """sha256 of each file that it wrote, by its path in the store."""
    previous: Sha256
    """sha256 of the line before, without its newline; of nothing for the first."""
