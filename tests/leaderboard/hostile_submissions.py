"""Submissions that a leaderboard must refuse, each with what it says of them; and good ones with anything changed."""

from __future__ import annotations

import json
from collections.abc import Callable

from boards import with_line, with_manifest, zip_of
from hypothesis import strategies as st

from feab.leaderboard import unpacking as limits

Files = dict[str, bytes]
SCRIPT = "<script>alert(1)</script>"


def drop_line(files: Files) -> Files:
    lines = files["predictions.jsonl"].splitlines(keepends=True)
    return {**files, "predictions.jsonl": b"".join(lines[:-1])}


def counted_without(files: Files) -> Files:
    """An answer less, of which the manifest's counts know."""
    lines = files["predictions.jsonl"].splitlines(keepends=True)
    outcome = json.loads(lines[-1])["outcome"]
    counted = json.loads(files["manifest.json"])["outcomes"][outcome]
    return with_manifest(drop_line(files), f"outcomes/{outcome}", counted - 1)


def twice(files: Files) -> Files:
    lines = files["predictions.jsonl"].splitlines(keepends=True)
    return {**files, "predictions.jsonl": b"".join([*lines, lines[0]])}


def raw_line(data: bytes) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        lines = files["predictions.jsonl"].splitlines()
        lines[2] = data
        return {**files, "predictions.jsonl": b"\n".join(lines) + b"\n"}

    return change


def card(**changes: object) -> Callable[[Files], Files]:
    return lambda files: {**files, "card.json": json.dumps({**json.loads(files["card.json"]), **changes}).encode()}


GOOD = b'{"task":"synth_expression","sample":"p00000_0","prompt":"direct","outcome":"unparsable"'
TASK = "identity/tasks/synth_expression"
ERROR = {"kind": "timeout", "message": "no answer"}

REFUSED: dict[str, tuple[Callable[[Files], Files], str]] = {
    "a line less": (drop_line, r"1 of 120 faces have no answer|outcomes"),
    "a line less, counted": (counted_without, "1 of 120 faces have no answer to direct: '"),
    "an error": (lambda f: with_line(f, 3, outcome="error", error=ERROR, answer=None), "outcomes"),
    "an error, counted": (
        lambda f: with_manifest(with_manifest(
            with_line(f, 0, outcome="error", error=ERROR, answer=None, text=None), "outcomes/error", 1),
            "outcomes/ok", json.loads(f["manifest.json"])["outcomes"]["ok"] - 1),
        "line 1: outcome: 'p00000_0' of synth_expression ended in an error",
    ),
    "an extra sample": (lambda f: with_line(f, 0, sample="p99999_0"), "'p99999_0' is not in made/test"),
    "a line twice": (twice, "occurs a second time"),
    "an unknown task": (
        lambda f: with_manifest(f, "identity/tasks", {"other": json.loads(f["manifest.json"])["identity"]["tasks"]
                                                      ["synth_expression"]}),
        "identity.tasks.other: is no task of this leaderboard",
    ),
    "another version": (lambda f: with_manifest(f, f"{TASK}/version", "0.9"), "is not the version that this leader"),
    "another kind": (lambda f: with_manifest(f, f"{TASK}/kind", "action_units"), "is not expression, as that of"),
    "another task's text": (lambda f: with_manifest(f, f"{TASK}/sha256", "0" * 64), "has changed since"),
    "another fingerprint": (
        lambda f: with_manifest(f, "identity/datasets", {"made/test": "0" * 64}), "is other data than this leaderb"),
    "another dataset": (lambda f: with_manifest(f, f"{TASK}/dataset", "synth"), "synth/test is other data"),
    "a training split": (lambda f: with_manifest(f, f"{TASK}/split", "train"), "is not what the task is about"),
    "a path as a dataset": (lambda f: with_manifest(f, f"{TASK}/dataset", "../../etc"), "is not what the task"),
    "a part of the faces": (lambda f: with_manifest(f, "identity/limit", 50), "at most 50 faces a task were asked"),
    "a word of its own": (lambda f: with_line(f, 0, answer="boredom"), "boredom is not among the options"),
    "an answer of another kind": (lambda f: with_line(f, 0, answer=[1]), "is not a label"),
    "a number as a sample": (lambda f: with_line(f, 0, sample=7), "sample: input should be a valid string"),
    "NaN": (raw_line(GOOD + b',"latency_s":NaN}'), "line 3: invalid JSON|finite number"),
    "Infinity": (raw_line(GOOD + b',"latency_s":1e999}'), "finite number"),
    "deep nesting": (raw_line(GOOD + b',"text":' + b"[" * 9000 + b"]" * 9000 + b"}"), "recursion limit"),
    "a key twice": (raw_line(GOOD + b',"outcome":"refused"}'), "the key 'outcome' occurs twice"),
    "many values": (raw_line(GOOD + b',"answer":[' + b"1," * 6000 + b"1]}"), "more than 5,000 values"),
    "a long line": (
        raw_line(GOOD + b',"text":"' + b"a" * limits.MAX_LINE + b'"}'), "line 3: the line is longer than 262,144"),
    "no answers": (lambda f: {**f, "predictions.jsonl": b""}, "outcomes"),
    "a newer schema": (lambda f: with_manifest(f, "schema", 2), "schema 2 is not known to this feab"),
    "another hash": (
        lambda f: {**f, "manifest.json": f["manifest.json"].replace(b'"seed": 0', b'"seed": 9')},
        "is not that of the identity"),
    "other counts": (lambda f: with_manifest(f, "outcomes/refused", 7), "says 7, and it is 0"),
    "draws without end": (
        lambda f: with_manifest(with_manifest(f, "identity/draws", 10**9),
                                "expected", json.loads(f["manifest.json"])["expected"] * 10**9),
        "expected: are more than 1,000,000 answers",
    ),
    "other numbers asked": (lambda f: with_manifest(f, "expected", 3), "says 3, and it is"),
    "markup as a model": (lambda f: with_manifest(f, "identity/model", SCRIPT), "identity.model: string should match"),
    "markup in a version": (lambda f: with_manifest(f, "feab_version", SCRIPT), "looks like markup"),
    "a control character": (lambda f: with_manifest(f, "feab_version", "\x1b[31m"), r"U\+001B"),
    "another model on the card": (card(name="gpt-9"), "'gpt-9' is not the model of the manifest"),
    "markup as a licence": (card(licence=SCRIPT), "card.json.*licence"),
    "markup in a description": (card(description=SCRIPT), "looks like markup"),
    "reordered letters": (card(description="a\u202eb"), r"U\+202E"),
    "a script as a link": (card(url="javascript:alert(1)"), "url: string should match"),
    "an unknown field": (card(token="x"), "token: extra inputs"),
    "negative size": (card(parameters=-1), "parameters: input should be greater"),
    "no card": (lambda f: {**f, "card.json": b"[]"}, "card.json"),
    "a manifest of zeros": (lambda f: {**f, "manifest.json": bytes(500)}, "invalid JSON"),
}  # fmt: skip


def lying_about_size(files: Files) -> bytes:
    data = bytearray(zip_of(files))
    at = data.find(b"PK\1\2")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(data)


def bomb(files: Files) -> bytes:
    return zip_of(
        {**files, "predictions.jsonl": b"\0" * (limits.MAX_BYTES["card.json"] + 1), "card.json": b"0" * 10**7}
    )


def encrypted(files: Files) -> bytes:
    data = bytearray(zip_of(files))
    at = data.find(b"PK\1\2")
    data[at + 8] |= 1
    return bytes(data)


def many_names(files: Files) -> bytes:
    return zip_of([(f"{number}", b"") for number in range(5000)])


ARCHIVES: dict[str, tuple[Callable[[Files], bytes], str]] = {
    "nothing": (lambda f: b"", "not a zip"),
    "no zip": (lambda f: b"hello" * 100, "not a zip"),
    "half a zip": (lambda f: zip_of(f)[:-30], "not a zip"),
    "a way out": (lambda f: zip_of({**f, "../../evil": b"x"}), "holds '../../evil'"),
    "an absolute path": (lambda f: zip_of({**f, "/etc/passwd": b"x"}), "holds '/etc/passwd'"),
    "a drive": (lambda f: zip_of({**f, "C:\\evil": b"x"}), "holds 'C:"),
    "a script as a name": (lambda f: zip_of({**f, SCRIPT: b"x"}), "the archive holds"),
    "an image": (lambda f: zip_of({**f, "face.jpg": b"x"}), "holds 'face.jpg'"),
    "a file twice": (lambda f: zip_of([*f.items(), ("card.json", b"{}")]), "a file twice"),
    "a file less": (lambda f: zip_of({"card.json": f["card.json"]}), "lacks manifest.json, predictions.jsonl"),
    "a bomb": (bomb, "card.json is larger than the 65,536 bytes"),
    "a wrong size": (lying_about_size, "not a zip that can be read"),
    "encrypted": (encrypted, "is encrypted"),
    "a thousand names": (many_names, "lists more files than the 3"),
}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([SCRIPT, "../x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places_of(value: object, above: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of every part of a JSON document."""
    found = [above]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places_of(inner, (*above, key))
    return found


def changed(value: object, path: tuple[object, ...], new: object) -> object:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


@st.composite
def spoilt(draw: st.DrawFn, data: bytes) -> bytes:
    """A JSON document in which one value is another; as it is where it is none, or no longer."""
    try:
        document = json.loads(data)
    except ValueError:
        return data
    path = draw(st.sampled_from(places_of(document)))
    return json.dumps(changed(document, path, draw(JUNK))).encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, files: Files) -> bytes:
    """A submission in which one to three things are another: a value, a byte, a line, a piece of the archive."""
    files = dict(files)
    for _ in range(draw(st.integers(1, 3))):
        how = draw(st.sampled_from(["value", "line", "byte", "cut", "lines"]))
        lines = files["predictions.jsonl"].splitlines()
        if how == "value":
            name = draw(st.sampled_from(["manifest.json", "card.json"]))
            files[name] = draw(spoilt(files[name]))
        elif how == "line" and lines:
            number = draw(st.integers(0, len(lines) - 1))
            lines[number] = draw(spoilt(lines[number]))
            files["predictions.jsonl"] = b"\n".join(lines) + b"\n"
        elif how == "lines" and lines:
            order = draw(st.sampled_from(["reversed", "doubled", "halved"]))
            lines = {"reversed": lines[::-1], "doubled": lines * 2, "halved": lines[::2]}[order]
            files["predictions.jsonl"] = b"\n".join(lines) + b"\n"
        else:
            name = draw(st.sampled_from(sorted(files)))
            data, at = bytearray(files[name]), draw(st.integers(0, max(0, len(files[name]) - 1)))
            if how == "cut":
                del data[at : at + draw(st.integers(1, 50))]
            elif data:
                data[at] = draw(st.integers(0, 255))
            files[name] = bytes(data)
    whole = bytearray(zip_of(files))
    if draw(st.integers(0, 4)) == 0:
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole)
