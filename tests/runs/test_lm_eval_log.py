"""The real lm-evaluation-harness runs feab's tasks and logs them: its log imports, and ours is the same."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import feab
from feab.runs import export_run, import_run

PYTHON = os.environ.get("FEAB_LM_EVAL_PYTHON")
"""A Python with lm-eval and feab, which is not this one: see .ci/run --full."""

PROGRAM = """
import json, random, sys
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

WORDS = {"expression": ["happiness", "Sad!", "I can't help with that.", "anger", "café 😀", ""],
         "valence_arousal": ["valence: 0.25, arousal: -0.5", "valence: -0.75, arousal: 0.1", "none"],
         "action_units": ["1, 2", "none", "6, 12, 25"]}

class Fake(LM):
    MULTIMODAL = True
    def loglikelihood(self, requests): raise NotImplementedError
    loglikelihood_rolling = loglikelihood
    def generate_until(self, requests):
        return [random.Random(r.doc["id"]).choice(WORDS[r.doc["kind"]]) for r in requests]

tracker = EvaluationTracker(output_path=sys.argv[2])
tracker.general_config_tracker.log_experiment_args("fake", {"pretrained": "fake/model"}, None, None, False)
manager = TaskManager(include_path=[sys.argv[1]], include_defaults=False, metadata={"prompt": sys.argv[3]})
results = simple_evaluate(model=Fake(), tasks=["synth"], task_manager=manager, log_samples=True, limit=20)
samples = results.pop("samples")
tracker.save_results_aggregated(results=results, samples=samples)
for name in results["configs"]:
    tracker.save_results_samples(task_name=name, samples=samples[name])
"""


def logs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.name.removeprefix("samples_").rsplit("_", 1)[0]: [json.loads(line) for line in path.open(encoding="utf-8")]
        for path in folder.rglob("samples_*.jsonl")
    }


@pytest.mark.full
@pytest.mark.skipif(PYTHON is None, reason="FEAB_LM_EVAL_PYTHON names no Python with lm-eval")
@pytest.mark.parametrize("prompt", ["direct", "shuffled"])
def test_what_lm_eval_logs_is_imported_and_written_again(tmp_path: Path, prompt: str) -> None:
    root = Path(feab.__file__).parent.parent
    assert PYTHON is not None
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    subprocess.run(
        [PYTHON, str(program), str(root / "tasks"), str(tmp_path / "theirs"), prompt],
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    done = import_run(tmp_path / "theirs", tasks="synth", model="fake/model", out=tmp_path / "run")
    assert done.rows == 60
    assert done.noted == ()
    assert done.run.manifest.identity.prompts == [prompt]
    export_run(done.run, tmp_path / "ours", format="lm-eval")
    theirs, ours = logs(tmp_path / "theirs"), logs(tmp_path / "ours")
    assert theirs.keys() == ours.keys()
    for task, lines in theirs.items():
        assert len(lines) == 20
        for their, our in zip(lines, ours[task], strict=True):
            assert their["arguments"].pop("gen_args_0")["arg_0"] == our["arguments"].pop("gen_args_0")["arg_0"]
            our.pop("feab")
            assert our == their
    results = [json.loads(next((tmp_path / who).rglob("results_*.json")).read_text()) for who in ("theirs", "ours")]
    assert results[0]["task_hashes"] == results[1]["task_hashes"]
    for task, row in results[1]["results"].items():
        for metric, value in row.items():
            assert results[0]["results"][task][metric] == value, (task, metric)
