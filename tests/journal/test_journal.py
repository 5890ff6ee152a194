"""The file of predictions: what opening it repairs, what appending guarantees, and who may hold it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.journal import Journal, read_predictions
from feab.journal.keys import KeySet, key_number
from feab.journal.lines import MAX_LINE, to_line
from feab.records import Outcome
from feab.schemas import ErrorInfo, OutcomeCounts, Prediction, UsageInfo


def prediction(sample: str, *, draw: int = 0, outcome: Outcome = Outcome.OK, text: str = "anger") -> Prediction:
    failed = outcome is Outcome.ERROR
    return Prediction(
        task="faces",
        sample=sample,
        prompt="direct",
        draw=draw,
        text=None if failed else text,
        answer="anger" if outcome is Outcome.OK else None,
        outcome=outcome,
        error=ErrorInfo(kind="timeout", message="late") if failed else None,
        usage=UsageInfo(input_tokens=10, output_tokens=2),
    )


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    lines = [prediction("a", text='"quoted"\n\u2028 ünï\x1b[31m'), prediction("a", draw=1), prediction("b")]
    with Journal(path) as journal:
        assert journal.append(lines) == lines
        assert list(read_predictions(path)) == lines  # at once, before closing
        assert journal.tokens == (30, 6)
    assert list(read_predictions(path)) == lines


def test_a_key_is_written_once_within_and_across_sessions(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    with Journal(path) as journal:
        journal.append([prediction("a"), prediction("a", text="again")])
        assert journal.append([prediction("a")]) == []
    with Journal(path) as journal:
        assert journal.append([prediction("a")]) == []
        assert ("faces", "a", "direct", 0) in journal
        assert ("faces", "a", "direct", 1) not in journal
        assert len(journal) == 1
    assert len(list(read_predictions(path))) == 1


def test_errors_are_kept_while_open_and_dropped_on_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    with Journal(path) as journal:
        journal.append([prediction("a"), prediction("b", outcome=Outcome.ERROR)])
        assert journal.append([prediction("b")]) == []  # its key has a line in this session
        assert journal.outcomes() == OutcomeCounts(ok=1, error=1)
        assert journal.outcomes("faces") == OutcomeCounts(ok=1, error=1)
        assert journal.outcomes("other") == OutcomeCounts()
    with Journal(path) as journal:
        assert (journal.repaired.kept, journal.repaired.errors) == (1, 1)
        assert journal.outcomes() == OutcomeCounts(ok=1)
        assert len(journal.append([prediction("b")])) == 1


def test_a_clean_file_is_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    with Journal(path) as journal:
        journal.append([prediction("a")])
    inode = path.stat().st_ino
    with Journal(path) as journal:
        assert journal.repaired.dropped == 0
    assert path.stat().st_ino == inode
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["predictions.jsonl"]


def test_an_over_long_line_is_dropped_and_named_by_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(to_line(prediction("a")) + b"x" * (MAX_LINE + 10) + b"\n" + to_line(prediction("b")))
    with pytest.raises(FeabError, match=r"predictions\.jsonl:2: the line is longer"):
        list(read_predictions(path))
    with Journal(path) as journal:
        assert (journal.repaired.kept, journal.repaired.invalid) == (2, 1)
    assert [p.sample for p in read_predictions(path)] == ["a", "b"]


garbage = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b" ")),
    st.sampled_from([b"{}", b"null", b"[" * 5000, b'{"task": "faces"}', b"\xff\xfe", b"", b"\0" * 40]),
)
line = st.one_of(
    st.builds(
        lambda sample, outcome: to_line(prediction(sample, outcome=outcome))[:-1],
        st.sampled_from("abcdef"),
        st.sampled_from(list(Outcome)),
    ),
    garbage,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(line, max_size=12), cut=st.integers(min_value=0, max_value=80))
def test_opening_repairs_any_file(tmp_path: Path, lines: list[bytes], cut: int) -> None:
    """Whatever lay there, afterwards each answered key has its first whole line, and nothing else is in the file."""
    path = tmp_path / "predictions.jsonl"
    data = b"".join(entry + b"\n" for entry in lines)
    data = data[: len(data) - cut] if cut else data
    path.write_bytes(data)
    expected: dict[str, bytes] = {}
    for whole in data.split(b"\n"):
        try:
            parsed = Prediction.model_validate_json(whole)
        except ValueError:
            continue
        if parsed.outcome is not Outcome.ERROR:
            expected.setdefault(parsed.sample, whole)
    with Journal(path) as journal:
        assert path.read_bytes() == b"".join(whole + b"\n" for whole in expected.values())
        assert set(journal.done) == {key_number(("faces", sample, "direct", 0)) for sample in expected}
        journal.append([prediction("new")])
    kept = [p.sample for p in read_predictions(path)]
    assert kept == [*expected, "new"]


def test_a_whole_last_line_without_newline_counts(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(to_line(prediction("a")) + to_line(prediction("b"))[:-1])
    assert [p.sample for p in read_predictions(path)] == ["a", "b"]
    with Journal(path) as journal:
        assert journal.repaired.kept == 2
        journal.append([prediction("c")])
    assert [p.sample for p in read_predictions(path)] == ["a", "b", "c"]


def test_the_reader_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    good = to_line(prediction("a"))
    wrong = json.dumps({**json.loads(good), "sample": "b", "outcome": "fine"}).encode() + b"\n"
    path.write_bytes(good + wrong)
    with pytest.raises(FeabError, match=r"predictions\.jsonl:2: outcome: Input should be 'ok'"):
        list(read_predictions(path))
    path.write_bytes(good + good)
    with pytest.raises(FeabError, match=r":2: the key \('faces', 'a', 'direct', 0\) occurs a second time"):
        list(read_predictions(path))
    path.write_bytes(good + good[:-20])
    assert [p.sample for p in read_predictions(path)] == ["a"]  # half a line is what a kill leaves, not a mistake
    assert list(read_predictions(tmp_path / "absent.jsonl")) == []


HOLD = """
import sys, time
from pathlib import Path
from feab.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FeabError, match=f"process {holder.pid} is working on this run"):
            Journal(path)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close() if holder.stdout else None
    with Journal(path) as journal:
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(FeabError, match=f"process {os.getpid()}"):
            Journal(path)
        journal.close()
        journal.close()
    assert not (tmp_path / ".lock").exists()


@given(numbers=st.lists(st.one_of(st.integers(1, 2**64 - 1), st.integers(1, 40).map(lambda n: n << 40)), max_size=60))
def test_a_key_set_is_a_set(numbers: list[int]) -> None:
    """Also of numbers that all want the same place."""
    ours, plain = KeySet(), set[int]()
    for number in numbers:
        assert (number in ours) == (number in plain)
        assert ours.add(number) == (number not in plain)
        plain.add(number)
    assert set(ours) == plain
    assert len(ours) == len(plain)


def test_a_hundred_thousand_keys_stay_small() -> None:
    ours = KeySet()
    numbers = [key_number(("task", str(n), "direct", 0)) for n in range(100_000)]
    assert all(ours.add(number) for number in numbers)
    assert all(number in ours for number in numbers)
    assert key_number(("task", "x", "direct", 0)) not in ours
    assert len(ours) == 100_000
    assert sys.getsizeof(ours._table) < 2_700_000


def test_planted_links_lead_nowhere(tmp_path: Path) -> None:
    folder, victim = tmp_path / "run", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("mine")
    path = folder / "predictions.jsonl"
    path.write_bytes(b"half a line")
    (folder / "predictions.jsonl.repair").symlink_to(victim)
    with Journal(path) as journal:
        assert journal.repaired.dropped == 1
    assert victim.read_text() == "mine"
    (folder / ".lock").symlink_to(victim)
    with pytest.raises(FeabError, match=r"\.lock: is a link"):
        Journal(path)
    (folder / ".lock").unlink()
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(FeabError, match="is a link"):
        Journal(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FeabError, match="no file"):
        Journal(path)
    with pytest.raises(FeabError, match="not a file"):
        next(read_predictions(path))
    path.unlink()
    path.write_bytes(b"half a line")
    (folder / "predictions.jsonl.repair").mkdir()
    with pytest.raises(FeabError, match="is a folder"):
        Journal(path)
    (folder / "predictions.jsonl.repair").rmdir()
    assert victim.read_text() == "mine"
    assert sorted(entry.name for entry in folder.iterdir()) == ["predictions.jsonl"]
