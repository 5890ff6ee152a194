"""How a run ends before its end; each carries the run, whose folder holds what came back."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from feab.errors import FeabError
from feab.records import Failure
from feab.schemas import Manifest


class Made(Protocol):
    """What a folder of answers holds: a run, or annotations."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def manifest(self) -> Manifest:
        """What manifest.json says."""
        ...


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run: what had come back is on disk, and the same call goes on from there."""

    def __init__(self, run: Made) -> None:
        super().__init__(f"interrupted; {run.path} holds what came back")
        self.run = run


class Stopped(FeabError):  # noqa: N818
    """The same failure came again and again, so the run was left incomplete."""

    def __init__(self, run: Made, failure: Failure) -> None:
        super().__init__(
            f"stopped: the same failure came again and again ({failure.kind}: {failure.message}). {run.path} holds "
            "what came back; once the cause is gone, the same command goes on from there"
        )
        self.run = run


class OverBudget(FeabError):  # noqa: N818
    """The run was left incomplete, before it could cost more than it was allowed to."""

    def __init__(self, run: Made, reached: FeabError) -> None:
        super().__init__(
            f"{reached}. {run.path} holds what came back; the same command with a higher --max-cost goes on from there"
        )
        self.run = run


class OutOfReplicas(FeabError):  # noqa: N818
    """The run was left incomplete, because no replica of the model was left to ask."""

    def __init__(self, run: Made, lost: FeabError) -> None:
        super().__init__(f"{lost}. {run.path} holds what came back; the same command goes on from there")
        self.run = run
