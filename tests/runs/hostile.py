"""Run folders as a stranger may pack them: each fault that can be planted, and a folder that has nearly all of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST, PREDICTIONS, SCORES = "manifest.json", "predictions.jsonl", "scores.json"
SCRIPT = "<script>alert(1)</script>"
LONG = 100 * 2**20


def lines(folder: Path) -> list[bytes]:
    return (folder / PREDICTIONS).read_bytes().splitlines(keepends=True)


def by_task(folder: Path) -> Path:
    """Put the lines about expressions first: the faults below are planted by line number. Returns the folder."""
    in_order = sorted(lines(folder), key=lambda line: not json.loads(line)["task"].endswith("expression"))
    (folder / PREDICTIONS).write_bytes(b"".join(in_order))
    return folder


def set_line(folder: Path, number: int, data: bytes) -> None:
    """Put another line in the place of one, counted from 1."""
    all_lines = lines(folder)
    all_lines[number - 1] = data if data.endswith(b"\n") else data + b"\n"
    (folder / PREDICTIONS).write_bytes(b"".join(all_lines))


def change_line(folder: Path, number: int, **changes: Any) -> None:
    line = {**json.loads(lines(folder)[number - 1]), **changes}
    set_line(folder, number, json.dumps(line).encode())


def append(folder: Path, data: bytes) -> None:
    with (folder / PREDICTIONS).open("ab") as file:
        file.write(data)


def change(folder: Path, name: str, place: str, value: Any) -> None:
    """Set the field at a dotted place of manifest.json or scores.json."""
    document = json.loads((folder / name).read_text())
    *above, last = place.split("/")
    part = document
    for key in above:
        part = part[key]
    part[last] = value
    (folder / name).write_text(json.dumps(document, indent=1))


def replace_text(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text, old
    (folder / name).write_text(text.replace(old, new, 1))


def link(folder: Path, name: str, target: str = "/etc/passwd") -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)


def pipe(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)


def long_line(folder: Path) -> None:
    """A line of 100 MB that takes no room on the disk, as the last one."""
    with (folder / PREDICTIONS).open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b'{"task": "')
        file.truncate(file.tell() + LONG)


@dataclass(frozen=True)
class Planted:
    """A fault: how it is planted, and what must be said of it."""

    name: str
    plant: Callable[[Path], None]
    file: str
    line: int | None
    says: str
    severity: str = "error"


def _line(name: str, says: str, severity: str = "error", **changes: Any) -> Planted:
    return Planted(name, lambda folder: change_line(folder, 3, **changes), PREDICTIONS, 3, says, severity)


def _raw(name: str, says: str, data: bytes) -> Planted:
    return Planted(name, lambda folder: set_line(folder, 3, data), PREDICTIONS, 3, says)


def _manifest(name: str, says: str, place: str, value: Any, severity: str = "error") -> Planted:
    return Planted(name, lambda folder: change(folder, MANIFEST, place, value), MANIFEST, None, says, severity)


_GOOD = b'{"task":"synth_expression","sample":"p00000_0","prompt":"direct","outcome":"unparsable"'
_FAILED = _GOOD.replace(b"unparsable", b"error") + b',"error":'
_TASK = "identity/tasks/synth_expression"

FAULTS: tuple[Planted, ...] = (
    # names
    _line("script in a task", "task: string should match", task=SCRIPT),
    _line("script in a sample", "sample: string should match", sample=SCRIPT),
    _line("script in a prompt", "prompt: string should match", prompt=SCRIPT),
    _line("script in an answer", "is not among the options", answer=SCRIPT, outcome="ok"),
    _line("script in an outcome", "outcome: input should be 'ok'", outcome=SCRIPT),
    _line("script as a probability", "probabilities: '<script>", probabilities={SCRIPT: 0.5}),
    _line("a way out of the folder", "leads out of a folder", sample="../../etc/passwd"),
    _line("a way out in the middle", "leads out of a folder", sample="a/../b"),
    _line("a way out of Windows", "leads out of a folder", sample="a\\..\\b"),
    _line("an absolute path", "is an absolute path", sample="/etc/passwd"),
    _line("a drive", "is an absolute path", sample="C:\\secret"),
    _line("a home", "is an absolute path", sample="~/secret"),
    _line("NUL", "sample: string should match", sample="a\0b"),
    _line("reordered letters", r"U\+202E", sample="a\u202eb"),
    _line("a private letter", r"U\+E000", sample="a\ue000b"),
    # types
    _line("a number as a task", "task: input should be a valid string", task=7),
    _line("a list as text", "text: input should be a valid string", text=["a"]),
    _line("a text as draw", "draw: input should be a valid integer", draw="many"),
    _line("an answer of no kind", "answer: must be a label", answer={"valence": "high"}, outcome="ok"),
    _line("a valence beyond 1", "answer: must be a label", answer={"valence": 3, "arousal": 0}, outcome="ok"),
    _line("an answer of another kind", "answer: is not a label", answer=[1, 2], outcome="ok"),
    _line("an unknown field", "label: extra inputs are not permitted", label="anger"),
    _line("an answer without ok", "an answer goes with outcome 'ok'", answer="anger", outcome="refused"),
    _line("an error without words", "outcome 'error' and an error object", answer=None, outcome="error"),
    _line("negative latency", "latency_s: input should be greater", latency_s=-1),
    _line("a probability of 2", "probabilities.anger: input should be less", probabilities={"anger": 2}),
    _line("shares above 1", "sum to 1.8", probabilities={"anger": 0.9, "fear": 0.9}),
    # JSON
    _raw("NaN", "invalid JSON|finite number", _GOOD + b',"latency_s":NaN}'),
    _raw("Infinity", "finite number", _GOOD + b',"latency_s":1e999}'),
    _raw("a key twice", "the key 'outcome' occurs twice", _GOOD + b',"outcome":"refused"}'),
    _raw("a key twice, deep down", "the key 'kind' occurs twice", _FAILED + b'{"kind":"a","kind":"b","message":""}}'),
    _raw("broken UTF-8", "invalid JSON", _GOOD[:10] + b"\xff\xfe" + _GOOD[10:] + b"}"),
    _raw("a lone surrogate", "invalid JSON", _GOOD + b',"text":"\\ud800"}'),
    _raw("deep nesting", "recursion limit", _GOOD + b',"text":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    _raw("an endless number", "number out of range|valid integer", _GOOD + b',"draw":' + b"9" * 10_000 + b"}"),
    _raw("a huge draw", "draw: 9{20} is not asked", _GOOD + b',"draw":' + b"9" * 20 + b"}"),
    _raw("a line of a million values", "more than 5,000 values", _GOOD + b',"answer":[' + b"1," * 1_000_000 + b"1]}"),
    _raw("a line of a million fields", "more than 5,000 values", _GOOD + b',"a":1' * 1_000_000 + b"}"),
    _raw("no JSON", "invalid JSON", b"hello"),
    _raw("an empty line", "invalid JSON", b""),
    _raw("a byte order mark", "invalid JSON", b"\xef\xbb\xbf" + _GOOD + b"}"),
    _raw("a list", "input should be an object", b"[1]"),
    # what was asked
    _line("an unknown task", "is not asked by the manifest", task="other"),
    _line("an unknown prompt", "is not asked by the manifest", prompt="loud"),
    _line("one draw too many", "1 is not asked by the manifest, which asks 1", draw=1),
    _line("an unknown sample", "is not in made/test", sample="nobody"),
    _line("a sample without a label", "was not asked about", sample="p00000_9"),
    _line("a word beside the options", "is not among the options", answer="boredom", outcome="ok"),
    _line("an answer beside the text", "its text reads as", "warning", text="fear", answer="anger", outcome="ok"),
    Planted(
        "a line twice", lambda f: append(f, lines(f)[4]), PREDICTIONS, 85, r"the key \('synth_expression', .* second"
    ),
    Planted("half a line", lambda f: append(f, b'{"task": "syn'), PREDICTIONS, 85, "half a line", "warning"),
    Planted("a long line", long_line, PREDICTIONS, 85, "longer than"),
    # files
    Planted("a linked file", lambda f: link(f, PREDICTIONS), PREDICTIONS, None, "is a link"),
    Planted("a linked manifest", lambda f: link(f, MANIFEST), MANIFEST, None, "is a link"),
    Planted("linked scores", lambda f: link(f, SCORES), SCORES, None, "is a link"),
    Planted("a link to nothing", lambda f: link(f, "more.txt", "nowhere"), "more.txt", None, "is a link"),
    Planted("a pipe", lambda f: pipe(f, PREDICTIONS), PREDICTIONS, None, "is no plain file"),
    Planted("a pipe as a manifest", lambda f: pipe(f, MANIFEST), MANIFEST, None, "is no plain file"),
    Planted("a stranger", lambda f: (f / "run.sh").touch(), "run.sh", None, "no file of a run", "warning"),
    Planted("a folder", lambda f: (f / "deep").mkdir(), "deep", None, "no file of a run", "warning"),
    Planted("a killed write", lambda f: (f / "scores.json.new").touch(), "scores.json.new", None, "left", "warning"),
    Planted("no predictions", lambda f: (f / PREDICTIONS).unlink(), PREDICTIONS, None, "is not there"),
    Planted("no manifest", lambda f: (f / MANIFEST).unlink(), MANIFEST, None, "is not there"),
    # the manifest
    _manifest("a newer schema", "schema 2 is not known", "schema", 2),
    _manifest("another identity", "is not that of the identity", "identity/seed", 5),
    _manifest("an unknown field of the manifest", "extra inputs", "colour", "red"),
    _manifest("a wrong type in the manifest", "expected: input should be a valid integer", "expected", "many"),
    _manifest("script in the adapter", "looks like markup", "identity/adapter", SCRIPT),
    _manifest("script in the arguments", "looks like markup", "identity/adapter_args", {"a": SCRIPT}, "warning"),
    _manifest("script in a version", "looks like markup", "versions", {SCRIPT: "1"}),
    _manifest("script in the model", "identity.model: string should match", "identity/model", SCRIPT),
    _manifest("an escape sequence", r"U\+001B", "feab_version", "\x1b[31m0.1.0"),
    _manifest("a path as a dataset", "is a path", f"{_TASK}/dataset", "../../etc"),
    _manifest("an absolute dataset", "is a path", f"{_TASK}/dataset", "/etc"),
    _manifest("an unknown dataset", "has no fingerprint", f"{_TASK}/dataset", "other"),
    _manifest("a split that is a path", "split: string should match", f"{_TASK}/split", "../test"),
    _manifest("no fingerprint", "is no fingerprint", "identity/datasets", {"made/test": "abc"}),
    _manifest("a hash that is none", "is no sha256", f"{_TASK}/sha256", "abc"),
    _manifest("another task", "has changed since", f"{_TASK}/version", "0.9"),
    _manifest("prompts that differ", "are not those of the tasks", "identity/prompts", ["loud"]),
    _manifest("no draws", "is below 1", "identity/draws", 0),
    _manifest("no time", "is no time", "created", "yesterday"),
    _manifest("negative cost", "is negative", "cost_usd", -1),
    _manifest("fewer asked", "says 3, and it is 84", "expected", 3),
    _manifest("other counts", "says 7, and it is 0", "outcomes/refused", 7),
    _manifest("other tokens", "says 5, and it is", "input_tokens", 5),
    Planted(
        "NaN in an argument", lambda f: replace_text(f, MANIFEST, '"adapter_args": {', '"adapter_args": {"x": NaN, '),
        MANIFEST, None, "NaN is not JSON|invalid JSON",
    ),
    Planted(
        "a key twice in the manifest", lambda f: replace_text(f, MANIFEST, '"schema": 1,', '"schema": 1, "schema": 1,'),
        MANIFEST, None, "occurs twice",
    ),
    Planted("a manifest of zeros", lambda f: (f / MANIFEST).write_bytes(bytes(1000)), MANIFEST, 1, "invalid JSON"),
    # the scores
    Planted(
        "better scores", lambda f: change(f, SCORES, "tasks/synth_expression/metrics/macro_f1/value", 0.99),
        SCORES, None, "says 0.99, and the predictions score",
    ),
    Planted("scores of another form", lambda f: change(f, SCORES, "tasks", [1]), SCORES, None, "tasks: input should"),
    Planted("newer scores", lambda f: change(f, SCORES, "schema", 9), SCORES, None, "schema 9 is not known"),
    Planted(
        "NaN as a score", lambda f: change(f, SCORES, "tasks/synth_expression/metrics/uar/value", float("nan")),
        SCORES, None, "finite number",
    ),
    Planted(
        "script in the scores", lambda f: change(f, SCORES, "tasks/synth_expression/primary", SCRIPT),
        SCORES, None, "looks like markup",
    ),
)  # fmt: skip


def make_hostile(run: Path) -> Path:
    """Plant into a run folder what can stand side by side: markup in every text, odd names, wrong and repeated lines.

    The manifest stays readable, so that whatever shows runs goes on to show the rest.
    """
    change(run, MANIFEST, "identity/adapter", SCRIPT)
    change(run, MANIFEST, "identity/adapter_args", {"<b>a</b>": SCRIPT})
    change(run, MANIFEST, "identity/model", "\u202eledom' onerror='alert(1)")
    change(run, MANIFEST, "feab_version", f"0{SCRIPT}")
    change(run, MANIFEST, "versions", {SCRIPT: SCRIPT})
    change(run, MANIFEST, "machine", {"system": SCRIPT})
    change(run, MANIFEST, "permission", SCRIPT)
    for number in range(1, 6):
        change_line(run, number, text=f"{SCRIPT}<img src=x onerror=alert({number})>", answer=None, outcome="unparsable")
    change_line(run, 6, text=SCRIPT, answer=SCRIPT, outcome="ok")
    error = {"kind": SCRIPT, "message": f"</td>{SCRIPT}"}
    change_line(run, 7, text=None, answer=None, outcome="error", error=error)
    change_line(run, 8, sample="../../etc/passwd")
    change_line(run, 9, sample=SCRIPT)
    change_line(run, 10, task=["synth_expression"])
    set_line(run, 11, _GOOD + b',"latency_s":NaN}')
    change_line(run, 12, task="nothing")
    append(run, lines(run)[0])
    append(run, b"\xff\xfe{}\n")
    append(run, b"[" * 10_000 + b"\n")
    (run / "run.sh").write_text("#!/bin/sh\n")
    (run / "passwd").symlink_to("/etc/passwd")
    return run
