"""What every adapter is: a name, facts about itself, and a stream of questions turned into a stream of completions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from feab.records import Completion, Question, Scoring
from feab.vocabulary import KINDS, Kind


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts about a loaded model: what a run folder's manifest says about who answered."""

    name: str
    """As the user named it: a card's name, or provider/rest."""
    adapter: str
    """The provider's word: hf, mock, baseline, ..."""
    adapter_version: str
    """Raised whenever the adapter would ask or read the same model differently."""
    revision: str | None = None
    """A commit, a digest of the weights or of the script: the same revision gives the same answers."""
    args_that_change_answers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Adapter arguments (JSON values) that belong to a run's identity. Batch size and device do not."""
    local: bool = True
    """Whether questions stay on this machine."""
    endpoint: str | None = None
    """Where questions are sent, if they are: a URL without credentials."""
    parameters: int | None = None
    """Number of weights, where known."""
    kinds: tuple[Kind, ...] = KINDS
    """The kinds of questions it can answer; a run that asks others is refused before the first question."""
    scorings: tuple[Scoring, ...] = ("generate",)
    """How it can come to answers; a run that wants another way is refused before the first question."""
    most_pictures: int | None = None
    """Pictures that one question may hold; None where no limit is known. A run that asks with more is refused."""
    max_tokens: int | None = None
    """Tokens an answer may take, where the user set a limit instead of the prompts' own."""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Worth knowing, not part of the identity: device, batch size, library versions."""


@runtime_checkable
class Model(Protocol):
    """Anything that can be asked about faces.

    The journal is the only caller. An adapter never sees a label: a `Question` does not carry one.
    """

    @property
    def name(self) -> str:
        """The model as the user named it (the same as `info.name`)."""
        ...

    @property
    def info(self) -> ModelInfo:
        """What the manifest says about this model."""
        ...

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer every question once, in any order, with `question.n` texts or an error.

        An adapter may hand the draws of a question back one by one: as completions of the question narrowed to them.

        Questions are pulled lazily, at most a bounded number ahead of the completions handed back, so that memory does
        not grow with the number of samples. A question that cannot be answered (unreadable image, lost connection, too
        little memory) becomes a completion with an `error`; it never stops the others.

        Raises:
            FeabError: only when no question could ever be answered (a wrong key, a server that is not there).
        """
        ...

    def close(self) -> None:
        """Release weights, threads and connections. Harmless when called twice."""
        ...
