"""curves.png: the loss of training, and how held-out faces were read, over the steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from feab.training.sft.job import noted

_OVERALL = "eval_overall"


def events_of(path: Path) -> list[dict[str, Any]]:
    """The events of training.jsonl; where a training was gone on with, each step as it was gone through last."""
    last: dict[tuple[str, int], dict[str, Any]] = {}
    for event in noted(path):
        if "step" in event and event.get("stage") in ("training", "examination"):
            last[(event["stage"], event["step"])] = event
    return sorted(last.values(), key=lambda event: event["step"])


def draw_curves(log: Path, path: Path) -> None:
    """Draw both curves from a log."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    events = events_of(log)
    trained = [event for event in events if event["stage"] == "training" and event.get("loss") is not None]
    examined = [event for event in events if event["stage"] == "examination"]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.plot([event["step"] for event in trained], [event["loss"] for event in trained])
    left.set(title="training", xlabel="step", ylabel="cross-entropy of the answers")
    names = [key for key in (examined[0] if examined else ()) if key.startswith("eval_") and "coverage" not in key]
    for name in names:
        seen = [(event["step"], event[name]) for event in examined if event.get(name) is not None]
        right.plot(*zip(*seen, strict=True), marker=".", lw=2.5 if name == _OVERALL else 1, label=name[5:])
    right.set(title="held-out faces", xlabel="step", ylabel="score")
    if names:
        right.legend(fontsize=7)
    figure.savefig(path, dpi=110)
