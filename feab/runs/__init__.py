"""The run folder: ask a model and score it (`run`), open what is there (`load_run`), score it again (`score`)."""

from __future__ import annotations

from feab.runs.execute import Interrupted, Stopped, Watcher, run
from feab.runs.folder import Run, load_run
from feab.runs.parts import Part, plan
from feab.runs.scoring import score

__all__ = ["Interrupted", "Part", "Run", "Stopped", "Watcher", "load_run", "plan", "run", "score"]
