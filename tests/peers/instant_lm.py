"""lm-evaluation-harness with a model that answers at once, for the benchmark of the harness alone.

    python tests/peers/instant_lm.py TASK ANSWERS DATA OUT

TASK is synth_expression, feab's file, for which feab reads the data, or faces_expression, for which the library
`datasets` does, as for most tasks of the harness. ANSWERS holds one {"sample", "text"} a line; DATA is a dataset folder
of feab's form; the scores go into OUT. The harness is not asked to index its 14,000 own tasks, which takes seconds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "tasks", ROOT / "tests" / "peers" / "own_reader"]


class Instant(LM):
    """Looks each answer up."""

    MULTIMODAL = True

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__()
        self._answers = answers

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        return [self._answers[request.doc["id"]] for request in requests]

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[Any]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[Any]:
        raise NotImplementedError


def main(task: str, answers: str, data: str, out: str) -> None:
    lines = [json.loads(line) for line in Path(answers).read_text().splitlines()]
    found = simple_evaluate(
        model=Instant({line["sample"]: line["text"] for line in lines}),
        tasks=[task],
        task_manager=TaskManager(
            include_path=[str(folder) for folder in FOLDERS], include_defaults=False, metadata={"data": data}
        ),
        log_samples=True,
        bootstrap_iters=0,  # the intervals are metrics of the task; this would only add one to the coverage
    )
    assert found is not None
    assert len(found["samples"][task]) == len(lines)
    scores = found["results"][task]
    Path(out).write_text(json.dumps({name.removesuffix(",none"): scores[name] for name in scores if name != "alias"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
