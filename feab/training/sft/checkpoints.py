"""Checkpoints of a training: which of them are whole, which is the latest, which is the best."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.yamlfile import read_bytes

FOLDER = "checkpoints"
METRIC = "eval_overall"
_STATE = "trainer_state.json"
_MAX_STATE_BYTES = 256 * 2**20
_WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")
_RESULT = ("adapter_*", "model*.safetensors", "model.safetensors.index.json", "config.json", "generation_config.json")
"""What of a checkpoint is the model; the rest is what training goes on from."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was written to its end."""

    path: Path
    step: int
    history: tuple[Mapping[str, Any], ...]
    """What was logged until then."""


def checkpoints(out: Path) -> list[Checkpoint]:
    """The whole checkpoints of a training, by step. One that was being written when the process was killed is none.

    The Trainer writes its state last, so where that can be read everything else is there.
    """
    found = []
    for path in (out / FOLDER).glob("checkpoint-*"):
        number = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if number is None or path.is_symlink() or not any((path / name).is_file() for name in _WEIGHTS):
            continue
        try:
            # Not `load_json`: a loss that was no number is in there too, and no reason to begin anew.
            state = json.loads(read_bytes(path / _STATE, _MAX_STATE_BYTES, links=False))
        except (ValueError, FeabError):
            continue
        if isinstance(state, dict) and state.get("global_step") == int(number[1]):
            found.append(Checkpoint(path, int(number[1]), tuple(state.get("log_history") or ())))
    return sorted(found, key=lambda one: one.step)


def best_step(history: Sequence[Mapping[str, Any]]) -> int | None:
    """The step with the best overall score after training began, the first of equal ones; None without any."""
    scored = [(entry[METRIC], -entry["step"]) for entry in history if METRIC in entry and entry.get("step", 0) > 0]
    return -max(scored)[1] if scored else None


def without_progress(history: Sequence[Mapping[str, Any]]) -> int:
    """Examinations since the best one."""
    best = best_step(history)
    steps = [entry["step"] for entry in history if METRIC in entry and entry.get("step", 0) > 0]
    return 0 if best is None else sum(step > best for step in steps)


def take_result(checkpoint: Checkpoint, out: Path) -> None:
    """Copy the model of a checkpoint into the folder of the result; weights last, so that with them it is complete."""
    files = {path for pattern in _RESULT for path in checkpoint.path.glob(pattern) if path.is_file()}
    for path in sorted(files, key=lambda path: (path.suffix == ".safetensors", path.name)):
        temporary = out / f".{path.name}.new"
        shutil.copyfile(path, temporary)
        temporary.replace(out / path.name)


def name_base(out: Path, name: str) -> None:
    """Let an adapter's configuration name its base as the recipe does, and no place on this machine."""
    path = out / "adapter_config.json"
    write_json(path, {**json.loads(path.read_bytes()), "base_model_name_or_path": name})


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(path)
