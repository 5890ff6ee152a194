"""The run folder: ask a model and score it (`run`), open what is there (`load_run`), score it again (`score`), and
exchange it with other programs (`import_run`, `export_run`).
"""

from __future__ import annotations

from feab.runs.endings import Interrupted, OutOfReplicas, OverBudget, Stopped
from feab.runs.estimate import Estimate, estimate
from feab.runs.execute import Watcher, run
from feab.runs.exporting import Exported, export_run
from feab.runs.folder import Run, load_run
from feab.runs.importing import Imported, import_run
from feab.runs.parts import Part, plan
from feab.runs.scoring import score

__all__ = [
    "Estimate",
    "Exported",
    "Imported",
    "Interrupted",
    "OutOfReplicas",
    "OverBudget",
    "Part",
    "Run",
    "Stopped",
    "Watcher",
    "estimate",
    "export_run",
    "import_run",
    "load_run",
    "plan",
    "run",
    "score",
]
