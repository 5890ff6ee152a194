"""feab measures how well vision large language models read faces.

Three grains: discrete expression, valence-arousal and facial action units. A score is agreement with labels of
facial *displays*; a display is not a feeling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feab import answers as answers
    from feab import metrics as metrics
    from feab.data import load_dataset as load_dataset
    from feab.diagnosis import doctor as doctor
    from feab.models import load_model as load_model
    from feab.runs import Run as Run
    from feab.runs import export_run as export_run
    from feab.runs import import_run as import_run
    from feab.runs import load_run as load_run
    from feab.runs import run as run
    from feab.runs import score as score
    from feab.runs.comparing import compare as compare
    from feab.runs.report import report as report
    from feab.validation import validate as validate

__version__ = "0.1.0"

_WHERE = {
    "Run": "feab.runs",
    "load_run": "feab.runs",
    "run": "feab.runs",
    "import_run": "feab.runs",
    "export_run": "feab.runs",
    "score": "feab.runs",
    "report": "feab.runs.report",
    "compare": "feab.runs.comparing",
    "load_model": "feab.models",
    "load_dataset": "feab.data",
    "doctor": "feab.diagnosis",
    "validate": "feab.validation",
}

__all__ = [
    "Run",
    "__version__",
    "answers",
    "compare",
    "doctor",
    "export_run",
    "import_run",
    "load_dataset",
    "load_model",
    "load_run",
    "metrics",
    "report",
    "run",
    "score",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import feab` stays light."""
    from importlib import import_module

    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    if name in {"answers", "metrics"}:
        return import_module(f"feab.{name}")
    raise AttributeError(f"module 'feab' has no attribute {name!r}")
