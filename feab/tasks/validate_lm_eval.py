"""Do lm-evaluation-harness and feab read the same task from a file? Its own `validate` says yes to nearly anything.

Only names in `feab.tasks.lm_eval` are looked up, and no other module is imported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from feab.errors import FeabError
from feab.problems import Gather, warning
from feab.tasks import lm_eval
from feab.tasks.read import Field, with_included
from feab.tasks.task import AXES, Task

IMAGE = "<image>"
"""What lm-eval replaces by the picture, once a picture."""

_MODULE = lm_eval.__name__

_FUNCTIONS: Mapping[str, str] = {"custom_dataset": "dataset", "doc_to_image": "image"}
"""Key -> the function of `feab.tasks.lm_eval` that belongs there, whatever the task's kind."""

_KEYS = (*_FUNCTIONS, "test_split", "output_type", "doc_to_text", "doc_to_target", "process_results",
         "generation_kwargs", "metric_list")  # fmt: skip


def check_lm_eval(root: Field, task: Task | None, notes: Gather) -> None:
    """Note where lm-eval would ask, read or score otherwise than feab does.

    A file without any of its keys is feab's alone. `task` is None where the metadata have mistakes; what depends on
    the task's kind is then not checked.
    """
    entries: dict[str, Field] = notes.attempt(with_included, {}, root)
    there = {key: child for key, child in entries.items() if key in _KEYS}
    if not there:
        return
    for key in _KEYS:
        if key not in there or there[key].value is None:
            notes.note(
                warning(root.problem(f"lacks {key!r}, so lm-eval cannot run it", "see tasks/synth_expression.yaml"))
            )
    for key, name in _FUNCTIONS.items():
        if key in there:
            _expect_function(there[key], name, notes)
    if "output_type" in there:
        _expect(there["output_type"], "generate_until", "answers are free text", notes)
    if "doc_to_target" in there:
        _expect(there["doc_to_target"], "target", "the column of the right answer in words", notes)
    if "doc_to_text" in there:
        notes.attempt(_check_text, None, there["doc_to_text"])
    if "generation_kwargs" in there:
        notes.attempt(_check_generation, None, there["generation_kwargs"], notes)
    kind = None if task is None else task.kind
    if task is not None and kind is not None and "process_results" in there:
        _expect_function(there["process_results"], f"score_{kind}", notes)
        if "metric_list" in there:
            notes.attempt(_check_metrics, None, there["metric_list"], task, notes)


def _expect(field: Field, value: str, why: str, notes: Gather) -> None:
    if field.value != value:
        notes.note(field.problem(f"must be {value} ({why})"))


def _expect_function(field: Field, name: str, notes: Gather) -> bool:
    """Whether a field names one function of `feab.tasks.lm_eval`."""
    wanted = f"{_MODULE}.{name}"
    if not field.is_function:
        notes.note(field.problem(f"must be a function: !function {wanted}"))
    elif field.value == wanted:
        return True
    elif str(field.value).startswith(f"{_MODULE}."):
        known = "" if hasattr(lm_eval, str(field.value).rpartition(".")[2]) else ", and there is no such function"
        notes.note(field.problem(f"must be !function {wanted}, not {field.value}{known}"))
    else:
        words = f"{field.value} is not feab's and is not imported here: lm-eval may ask or score otherwise than feab"
        notes.note(warning(field.problem(words, f"write !function {wanted}")))
    return False


def _check_text(field: Field) -> None:
    text = field.text(2_000)
    pictures = text.count(IMAGE) + len(re.findall(r"\{\{\s*marker\s*\}\}", text))
    questions = len(re.findall(r"\{\{\s*question\s*\}\}", text))
    if (pictures, questions) != (1, 1):
        raise field.error(f"must hold {IMAGE} once and {{{{question}}}} once, and it holds {pictures} and {questions}")


def _check_generation(field: Field, notes: Gather) -> None:
    until, sampled = field.get("until"), field.get("do_sample")
    if until is None or until.value != []:
        words = "must hold until: [], else lm-eval ends an answer at an empty line"
        notes.note((until or field).problem(words))
    if sampled is not None and sampled.value is not False:
        notes.note(sampled.problem("must be false, as feab asks for the likeliest answer"))
    if field.get("max_gen_toks") is None:
        notes.note(field.problem("lacks 'max_gen_toks', the prompt direct's max_tokens"))


# ------------------------------------------------------------------------------------------------------------ metrics


def _check_metrics(metrics: Field, task: Task, notes: Gather) -> None:
    """Every metric must be one that the scorer gives, aggregated by the formula of its own name."""
    items = _scored(task)
    for entry in metrics.elements():
        name = entry.need("metric", "its name")
        if name.value not in items[0]:
            words = f"{_MODULE}.score_{task.kind} gives no {name.value!r}; it gives {', '.join(items[0])}"
            notes.note(name.problem(words, "correct the name"))
            continue
        how = entry.get("aggregation")
        if name.value == "coverage":
            if how is None or how.value != "mean":
                notes.note((how or entry).problem("coverage is aggregated by mean"))
        elif how is None:
            notes.note(entry.problem(f"lacks 'aggregation': !function {_MODULE}.{name.value}"))
        elif _expect_function(how, str(name.value), notes):
            notes.attempt(
                _aggregate, None, how, getattr(lm_eval, str(name.value)), [item[name.value] for item in items]
            )


def _scored(task: Task) -> list[dict[str, Any]]:
    """What lm-eval would be told of two made-up faces, whose answers are the first one's truth."""
    score: Callable[[Mapping[str, Any], list[str]], dict[str, Any]] = getattr(lm_eval, f"score_{task.kind}")
    truths: tuple[Any, Any]
    if task.kind == "expression":
        text, truths = task.labels[0], (task.labels[0], task.labels[1])
    elif task.kind == "valence_arousal":
        text, truths = ", ".join(f"{axis}: 0.5" for axis in AXES), ([0.5, 0.5], [-0.5, 0.25])
    else:
        text, truths = str(task.aus[0]), ([1.0] * len(task.aus), [0.0] * len(task.aus))
    doc = {"kind": task.kind, "options": list(task.options), "aus": list(task.aus), "source": None}
    return [score({**doc, "truth": truth, "cluster": str(n)}, [text]) for n, truth in enumerate(truths)]


def _aggregate(place: Field, aggregation: Callable[[list[Any]], float], items: list[Any]) -> None:
    try:
        value = aggregation(items)
    except FeabError as error:
        raise place.error(f"fails on two made-up faces ({error})") from None
    if not isinstance(value, float) or math.isinf(value):
        raise place.error(f"gives {value!r} on two made-up faces, which is no score")
