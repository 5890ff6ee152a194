"""The files of a run folder and of a dataset folder, as validated models with a schema version."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from feab.records import Answer, Completion, FinishReason, Outcome, Scoring
from feab.vocabulary import Kind

SCHEMA = 1
Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f<>]+$")]
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

SplitName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
"""Names a file of a dataset folder, so it can be no path."""


class Strict(BaseModel):
    """Frozen, no unknown field, no NaN or Infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Versioned(Strict):
    """A file with a schema version: older ones are read, newer ones refused clearly."""

    schema_version: int = Field(default=SCHEMA, alias="schema")
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    @field_validator("schema_version")
    @classmethod
    def _known(cls, version: int) -> int:
        if not 1 <= version <= SCHEMA:
            raise ValueError(f"schema {version} is not known to this feab (it reads 1 to {SCHEMA}); upgrade feab")
        return version


class VaValue(Strict):
    """Valence and arousal, each in [-1, 1]."""

    valence: Annotated[float, Field(ge=-1, le=1)]
    arousal: Annotated[float, Field(ge=-1, le=1)]


class ErrorInfo(Strict):
    """Why a line holds no answer."""

    kind: Annotated[str, Field(max_length=100)]
    message: Annotated[str, Field(max_length=2000)]


class UsageInfo(Strict):
    """Token counts, None where the model does not report them."""

    input_tokens: Annotated[int, Field(ge=0)] | None = None
    output_tokens: Annotated[int, Field(ge=0)] | None = None


class LikelihoodInfo(Strict):
    """How likely a model found one option: see `feab.records.Likelihood`."""

    logprob: Annotated[float, Field(ge=-1e6, le=1e-6)]
    tokens: Annotated[int, Field(ge=1, le=10_000)]


class Prediction(Strict):
    """One line of predictions.jsonl: one draw of one prompt about one sample. Never an image, never a label."""

    task: Name
    sample: Name
    prompt: Name
    draw: Annotated[int, Field(ge=0)] = 0
    text: str | None = None
    answer: str | VaValue | list[int] | None = None
    outcome: Outcome
    error: ErrorInfo | None = None
    probabilities: dict[str, Fraction] | None = None
    """Expression: of the labels, summing to 1 or less. Action units: of presence, by number, each for itself."""
    likelihoods: dict[str, LikelihoodInfo] | None = None
    """Of runs whose answers were not generated: what the probabilities come from. Not written where there are none."""
    usage: UsageInfo = UsageInfo()
    latency_s: Annotated[float, Field(ge=0)] | None = None
    finish_reason: FinishReason | None = None
    """Why the text ended, in draws.jsonl of annotations. None, and not written: that was not kept, as in runs, and in
    annotations of before."""

    @model_validator(mode="after")
    def _consistent(self) -> Prediction:
        if (self.outcome is Outcome.ERROR) != (self.error is not None):
            raise ValueError("outcome 'error' and an error object go together")
        if (self.answer is not None) != (self.outcome is Outcome.OK):
            raise ValueError("an answer goes with outcome 'ok' and with no other")
        return self

    @property
    def key(self) -> tuple[str, str, str, int]:
        """(task, sample, prompt, draw): occurs once in a file."""
        return (self.task, self.sample, self.prompt, self.draw)


def answer_json(answer: Answer) -> str | VaValue | list[int] | None:
    """The answer's value as predictions.jsonl holds it: label, {valence, arousal}, sorted AU numbers, or None."""
    value = answer.value
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, frozenset):
        return sorted(value)
    return VaValue(valence=value[0], arousal=value[1])


def likelihoods_info(completion: Completion) -> dict[str, LikelihoodInfo] | None:
    """The likelihoods of a completion as predictions.jsonl holds them.

    Raises:
        ValidationError: when one is no log-probability.
    """
    given = completion.likelihoods
    if given is None:
        return None
    return {name: LikelihoodInfo(logprob=one.logprob, tokens=one.tokens) for name, one in given.items()}


class TaskIdentity(Strict):
    """A task as it was asked: its version and the hash of every prompt used."""

    version: Name
    kind: Kind
    dataset: Name
    """The name that its dataset.json gives it; never a path."""
    split: SplitName
    prompts: dict[Name, str]
    """Prompt name -> sha256 of its canonical JSON."""
    frames: Annotated[str, Field(max_length=40)] | None = None
    """Which frames of each clip were shown, such as "uniform:8"; None (and not written) where pictures were."""
    sha256: str
    """sha256 of the task's canonical JSON (all fields that change what is asked or scored)."""

    @model_serializer(mode="wrap")
    def _only_of_clips(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A run about pictures is named after an identity without this field, as before there were clips.
        found: dict[str, Any] = plain(self)
        return found if self.frames is not None else {name: v for name, v in found.items() if name != "frames"}


class Identity(Strict):
    """Everything that changes the answers. Its hash names the run folder, so the same command resumes."""

    model: Name
    revision: str | None = None
    adapter: str
    adapter_version: str
    adapter_args: dict[str, Any] = {}
    tasks: dict[Name, TaskIdentity]
    prompts: list[str]
    datasets: dict[str, str]
    """"name/split" -> fingerprint."""
    crop: str = "as delivered"
    image_size: str | None = None
    """As sent: None means the stored bytes."""
    sampling: dict[str, Any]
    draws: int = 1
    seed: int = 0
    limit: int | None = None
    scoring: Scoring = "generate"

    @model_serializer(mode="wrap")
    def _without_default_scoring(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Runs from before there was a choice keep their identity, and so their folder.
        found: dict[str, Any] = write(self)
        if self.scoring == "generate":
            del found["scoring"]
        return found


class OutcomeCounts(Strict):
    """How many predictions ended how."""

    ok: int = 0
    unparsable: int = 0
    refused: int = 0
    truncated: int = 0
    error: int = 0


class Manifest(Versioned):
    """What every manifest.json holds: identity first, then what is only worth knowing. Recountable from the journal."""

    identity: BaseModel
    """Everything that changes the answers."""
    identity_sha256: str
    feab_version: str
    versions: dict[str, str] = {}
    git_commit: str | None = None
    git_dirty: bool | None = None
    machine: dict[str, Any] = {}
    created: str
    updated: str
    expected: int
    """Predictions a complete run holds."""
    outcomes: OutcomeCounts = OutcomeCounts()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    """Of the tokens above and below."""
    failed_input_tokens: Annotated[int, Field(ge=0)] = 0
    """Of failed answers that were asked again and are in the journal no more: they were billed, too."""
    failed_output_tokens: Annotated[int, Field(ge=0)] = 0
    wall_s: float = 0.0
    permission: str | None = None
    """The user's reference for sending faces to a third party, where that was needed."""

    @property
    def complete(self) -> bool:
        """Whether every expected prediction is there and none is an error."""
        counts = self.outcomes
        done = counts.ok + counts.unparsable + counts.refused + counts.truncated
        return counts.error == 0 and done == self.expected


class RunManifest(Manifest):
    """manifest.json of a run folder."""

    identity: Identity
    provenance: Literal["feab", "imported"] = "feab"
    columns: dict[Name, Name] = {}
    """Of a CSV file of the user's own: which of its columns stood for which of feab's, where told. Never a path."""
    au_threshold: float | None = None
    """Intensity from which AUs are present in tasks made for the data, where told."""


class EstimateModel(Strict):
    """A score with its 95 % interval; low and high are None where no interval can be shown (G < 10 clusters)."""

    value: float | None
    low: float | None = None
    high: float | None = None
    clusters: int | None = None


class TaskScores(Strict):
    """The scores of one task, or of one prompt of it."""

    kind: Kind
    n: int
    coverage: Fraction
    outcomes: OutcomeCounts
    primary: str
    """The key of `metrics` that ranks."""
    metrics: dict[str, EstimateModel]
    chance: dict[str, float] = {}
    """Metric name -> what a player without eyes scores on the primary (uniform, majority, always-active, ...)."""
    detail: dict[str, Any] = {}
    prompts: dict[str, TaskScores] = {}


class Scores(Versioned):
    """scores.json."""

    tasks: dict[str, TaskScores]
    overall: EstimateModel | None = None
    complete: bool = True


class SplitInfo(Strict):
    """One split of a dataset."""

    n: Annotated[int, Field(ge=0)]
    fingerprint: Sha256
    pinned: bool = True
    """False for splits rendered here, which may differ across machines."""


class DatasetInfo(Versioned):
    """dataset.json: what a dataset folder holds and what may be done with it."""

    name: Name
    version: str
    splits: dict[SplitName, SplitInfo]
    licence: str
    images_may_be_shared: bool
    third_party: Literal["forbidden", "ask", "allowed"]
    labels: list[str] = []
    """The expression labels in the order of the `votes` column."""
    aus: list[int] = []
    """The AUs that are coded somewhere in it."""
    source: str = ""
    subsets: dict[str, dict[str, Any]] = {}
    """Named subsets: {"synth_mini": {"split": "test", "column": "mini"}}."""
    notes: str = ""
