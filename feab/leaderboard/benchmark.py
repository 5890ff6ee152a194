"""A dataset repository of the Hugging Face Hub as a benchmark: its `eval.yaml` names the tasks that scores are of.

The form is that of the Hub's documentation ("Evaluation Results", hub-docs, August 2026). It says that the file is
checked when it is pushed, and that a benchmark is shown once the Hub's team has let it in. Our reading of what it
leaves open: nothing but the fields it names is written, and a task bears the name it has here, which is the `task_id`
that `feab.runs.outside.hub_eval` writes into models' repositories. Neither CCC nor the mean F1 of action units is among
the scorers that the Hub can run itself, so the framework is feab and no solvers or scorers are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import yaml

from feab.errors import FeabError
from feab.tasks import load_tasks

EVAL = "eval.yaml"
"""Its path in the dataset's repository."""
FRAMEWORK = "feab"
"""Of a list that the Hub's team keeps (huggingface.js, packages/tasks/src/eval.ts); feab has yet to be let in there."""
CONFIG = "default"
"""The configuration of a repository that has no other."""
_WORDS = "How well vision language models read facial displays, which are not feelings"
_LONGEST = 200


def benchmark_yaml(tasks: str | Sequence[str], *, name: str = "", include: Sequence[str | PathLike[str]] = ()) -> bytes:
    """The file, for the repository of the one dataset that the tasks are about.

    Args:
        tasks: names or groups, such as "feab".
        name: what people call the benchmark; unless told, the dataset's name in capitals.
        include: further folders of task files.

    Raises:
        FeabError: for an unknown task, tasks about several datasets, or an odd name.
    """
    found = load_tasks(tasks, include)
    about = sorted({task.dataset for task in found})
    if len(about) > 1:
        raise FeabError(f"a benchmark is of one dataset; these tasks are about {', '.join(about)}")
    called = name or about[0].upper()
    if not called.isprintable() or not called.strip() or len(called) > _LONGEST:
        raise FeabError(f"{called[:60]!r} is no name for a benchmark: write up to {_LONGEST} printable characters")
    asked = "; ".join(task.description or task.name for task in found)
    document = {
        "name": called,
        "description": f"{_WORDS}. {asked}.",
        "evaluation_framework": FRAMEWORK,
        "tasks": [{"id": task.name, "config": CONFIG, "split": task.split} for task in found],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100).encode()


def write_benchmark(folder: Path, data: bytes) -> Path:
    """Put the file into a folder, which is made if need be; returns its path.

    Raises:
        FeabError: when another is there, or the disk refuses.
    """
    path = folder / EVAL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        if path.is_file() and path.read_bytes() == data:
            return path
        raise FeabError(f"{path}: is there already, and is another; move it away first") from None
    except OSError as error:
        raise FeabError(f"{path}: cannot be written ({error.strerror})") from None
    return path
