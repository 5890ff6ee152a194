"""A run in lm-evaluation-harness's own files: `results_<time>.json` and `samples_<task>_<time>.jsonl`.

The keys are those that lm-eval 0.4.13 writes for feab's task files with --log_samples (`lm_eval/result_schema.py`);
what it has no key for (the prompt's name, outcomes, draws) stands under the key "feab". A failure is no answer and has
no line. Pictures are named, never embedded.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import groupby
from os import fdopen
from pathlib import Path
from typing import IO, Any

import feab
from feab.errors import FeabError
from feab.journal.files import create_anew
from feab.records import Outcome
from feab.runs.files import write_atomic
from feab.runs.folder import Run
from feab.runs.outside.lm_eval_log import OURS
from feab.runs.parts import Part
from feab.runs.scoring import score_parts
from feab.runs.selection import rows_asked
from feab.schemas import EstimateModel, Prediction, TaskScores, VaValue
from feab.tasks import Task, lm_eval
from feab.tasks.task import DEFAULT_PROMPT

_FILTER = "none"


def write_lm_eval(run: Run, parts: Sequence[Part], folder: Path) -> tuple[tuple[Path, ...], int, int]:
    """Write the files; returns them, the predictions in them, and the failures that are not.

    Raises:
        FeabError: when a prediction is about a face that the dataset lacks.
        OSError: when the disk refuses.
    """
    prompts = list(dict.fromkeys(name for part in parts for name in part.prompts))
    for name in prompts[1:] and prompts:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):  # the folder may be a stranger's
            raise FeabError(f"prompt {name!r} cannot name a folder")
    folders = {name: folder if len(prompts) == 1 else folder / name for name in prompts}
    time = datetime.fromisoformat(run.manifest.updated).replace(tzinfo=None).isoformat().replace(":", "-")
    logs = {(part.task.name, name): _Log(part, name) for part in parts for name in part.prompts}
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    paths = {key: folders[key[1]] / f"samples_{key[0]}_{time}.jsonl" for key in logs}
    try:
        written, left_out = _write_samples(run, logs, paths)
    except BaseException:
        for path in paths.values():
            path.unlink(missing_ok=True)
        raise
    scores = score_parts(run, parts, write=False)
    for name, path in folders.items():
        of_prompt = {key[0]: log for key, log in logs.items() if key[1] == name}
        results = _results(run, {task: (log, scores.tasks[task].prompts[name]) for task, log in of_prompt.items()})
        text = json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False)
        write_atomic(path / f"results_{time}.json", text)
    found = [path / f"results_{time}.json" for path in folders.values()]
    return (*found, *paths.values()), written, left_out


def _write_samples(
    run: Run, logs: Mapping[tuple[str, str], _Log], paths: Mapping[tuple[str, str], Path]
) -> tuple[int, int]:
    """Write the logs; how many predictions went in, and how many failures did not."""
    written = left_out = 0
    with ExitStack() as held:
        files: dict[tuple[str, str], IO[str]] = {
            key: held.enter_context(fdopen(create_anew(path), "w", encoding="utf-8")) for key, path in paths.items()
        }
        for (task, _, prompt), lines in groupby(run.predictions(), key=lambda line: line.key[:3]):
            every = list(lines)
            draws = [line for line in every if line.outcome is not Outcome.ERROR]
            left_out += len(every) - len(draws)
            written += len(draws)
            if (task, prompt) not in logs:
                raise FeabError(f"a prediction is of task {task!r}, prompt {prompt!r}, which the run does not name")
            if draws:
                files[task, prompt].write(logs[task, prompt].line(draws, run.manifest.identity.sampling) + "\n")
    return written, left_out


class _Log:
    """The samples of one task and prompt, as lm-eval logs them."""

    def __init__(self, part: Part, prompt: str) -> None:
        self.task, self.prompt = part.task, prompt
        self.worded = prompt in part.task.prompts
        # Of an imported run nobody knows the words; the documents are the same but for them.
        self._documents = lm_eval.Documents(part.task, prompt if self.worded else DEFAULT_PROMPT, part.dataset)
        ids = part.dataset.ids
        rows = rows_asked(part.task, part.dataset.labels(("id", *part.task.label_columns)))
        self._number = {ids[row]: number for number, row in enumerate(rows)}
        self._process = getattr(lm_eval, f"score_{part.task.kind}")
        self._hashes = hashlib.sha256()

    @property
    def metrics(self) -> list[str]:
        """The names of the task's metrics in lm-eval."""
        return list(self._process(self._documents[0], [""]))

    @property
    def total(self) -> int:
        """Documents of the whole split."""
        return len(self._documents)

    @property
    def task_hash(self) -> str:
        """lm-eval's hash over the documents, questions and targets that were logged."""
        return self._hashes.hexdigest()

    def line(self, draws: Sequence[Prediction], sampling: Mapping[str, Any]) -> str:
        """One line: a document, what was asked about it, and the answers of these draws.

        Raises:
            FeabError: when the dataset has no such document.
        """
        first = draws[0]
        number = self._number.get(first.sample)
        if number is None:
            raise FeabError(
                f"a prediction of task {first.task} is about sample {first.sample!r}, which it cannot score"
            )
        held = self._documents[number]
        doc = {**held, "image": repr(held["image"]), "question": held["question"] if self.worded else ""}
        question = f"{doc['marker']}{doc['question']}" if self.worded else ""
        answers = [_words(line) for line in draws]
        hashes = [_sha256(text) for text in (json.dumps(doc, indent=2, ensure_ascii=False), question, doc["target"])]
        self._hashes.update("".join(hashes).encode())
        scored = self._process(doc, answers[:1])
        return json.dumps(
            {
                "doc_id": number,
                "doc": doc,
                "target": str(doc["target"]),
                "arguments": {"gen_args_0": self._arguments(question, sampling, doc["image"])},
                "resps": [answers],
                "filtered_resps": answers[:1],
                "filter": _FILTER,
                "metrics": list(scored),
                "doc_hash": hashes[0],
                "prompt_hash": hashes[1],
                "target_hash": hashes[2],
                **scored,
                OURS: _ours(draws),
            },
            ensure_ascii=False,
            allow_nan=False,
        )

    def _arguments(self, question: str, sampling: Mapping[str, Any], image: str) -> dict[str, Any]:
        return {"arg_0": question, "arg_1": self.generation(sampling), "arg_2": {"visual": [image]}}

    def generation(self, sampling: Mapping[str, Any]) -> dict[str, Any]:
        """How answers were generated, in lm-eval's words; empty where it is not known."""
        if not self.worded or "temperature" not in sampling:
            return {}
        drawn = float(sampling["temperature"]) > 0
        settings = dict(sampling) if drawn else {}
        return {"until": [], "do_sample": drawn, "max_gen_toks": self.task.prompts[self.prompt].max_tokens, **settings}


def _ours(draws: Sequence[Prediction]) -> dict[str, Any]:
    """What `feab import` needs beside the texts to make the same predictions of a line."""
    first = draws[0]
    key = {"task", "sample", "prompt", "text"}
    rest = [{**line.model_dump(mode="json", exclude=key), **_no_text(line)} for line in draws]
    return {"task": first.task, "sample": first.sample, "prompt": first.prompt, "draws": rest}


def _no_text(line: Prediction) -> dict[str, None]:
    return {"text": None} if line.text is None else {}


def _words(line: Prediction) -> str:
    """The text of an answer; one that came as a label or values is put into words."""
    answer = line.answer
    if line.text is not None or answer is None:
        return line.text or ""
    if isinstance(answer, VaValue):
        return f"valence: {answer.valence:.6f}, arousal: {answer.arousal:.6f}"
    return answer if isinstance(answer, str) else ", ".join(map(str, answer)) or "none"


def _results(run: Run, tasks: Mapping[str, tuple[_Log, TaskScores]]) -> dict[str, Any]:
    """The results file: what lm-eval's tables and loaders read of it."""
    manifest = run.manifest
    identity = manifest.identity
    return {
        "results": {name: _metrics(name, log, scores) for name, (log, scores) in tasks.items()},
        "group_subtasks": {name: [] for name in tasks},
        "configs": {name: _config(log, identity.sampling, identity.draws) for name, (log, _) in tasks.items()},
        "versions": {name: log.task.version for name, (log, _) in tasks.items()},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {name: dict.fromkeys(log.metrics, True) for name, (log, _) in tasks.items()},
        "n-samples": {name: {"original": log.total, "effective": scores.n} for name, (log, scores) in tasks.items()},
        "config": {
            "model": identity.adapter,
            "model_args": json.dumps(identity.adapter_args, sort_keys=True, ensure_ascii=False),
            "model_revision": identity.revision or "",
            "batch_size": None,
            "batch_sizes": [],
            "device": None,
            "use_cache": None,
            "limit": identity.limit,
            "bootstrap_iters": 0,
            "gen_kwargs": None,
            "random_seed": identity.seed,
        },
        "git_hash": manifest.git_commit,
        "date": datetime.fromisoformat(manifest.created).timestamp(),
        "task_hashes": {name: log.task_hash for name, (log, _) in tasks.items()},
        "model_source": identity.adapter,
        "model_name": identity.model,
        "model_name_sanitized": _sanitized(identity.model),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": None,
        "total_evaluation_time_seconds": str(manifest.wall_s),
        OURS: {
            "version": feab.__version__,
            "provenance": manifest.provenance,
            "complete": manifest.complete,
            "outcomes": manifest.outcomes.model_dump(),
        },
    }


def _metrics(name: str, log: _Log, scores: TaskScores) -> dict[str, Any]:
    """One task's row; a score that is not defined is left out, where lm-eval writes NaN, which is no JSON.

    As there, only a mean over faces has a standard error, the coverage; our scores have intervals.
    """
    found: dict[str, Any] = {"name": name, "alias": name, "sample_len": scores.n}
    for metric in log.metrics:
        value = scores.coverage if metric == "coverage" else _value(metric, scores)
        if value is not None:
            found[f"{metric},{_FILTER}"] = value
            found[f"{metric}_stderr,{_FILTER}"] = "N/A"
    if scores.n > 1:
        found[f"coverage_stderr,{_FILTER}"] = math.sqrt(scores.coverage * (1 - scores.coverage) / (scores.n - 1))
    return found


def _value(metric: str, scores: TaskScores) -> float | None:
    """A score, or the end of its interval where the metric's name ends in _low or _high."""
    base, _, end = metric.rpartition("_")
    if end in ("low", "high"):
        estimate = scores.metrics.get(base, EstimateModel(value=None))
        return estimate.low if end == "low" else estimate.high
    return scores.metrics.get(metric, EstimateModel(value=None)).value


def _config(log: _Log, sampling: Mapping[str, Any], draws: int) -> dict[str, Any]:
    task = log.task
    return {
        "task": task.name,
        "test_split": task.split,
        "doc_to_text": "{{marker}}{{question}}",
        "doc_to_target": "target",
        "description": "",
        "target_delimiter": " ",
        "fewshot_delimiter": "\n\n",
        "num_fewshot": 0,
        "metric_list": [{"metric": name, "higher_is_better": True} for name in log.metrics],
        "output_type": "generate_until",
        "generation_kwargs": log.generation(sampling),
        "repeats": draws,
        "should_decontaminate": False,
        "metadata": _metadata(task, log.prompt),
    }


def _metadata(task: Task, prompt: str) -> dict[str, Any]:
    return {
        "kind": task.kind,
        "version": task.version,
        "data": task.dataset,
        "split": task.split,
        "labels": list(task.labels),
        "aus": list(task.aus),
        "threshold": task.threshold,
        "prompt": prompt,
    }


def _sanitized(name: str) -> str:
    """A model's name as lm-eval names its folder."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name)


def _sha256(text: Any) -> str:
    return hashlib.sha256(str(text).encode("utf-8", "surrogatepass")).hexdigest()
