"""One mechanism for reading and for validating: the first problem raised, or all of them noted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.jsonfile import line_finder, validated
from feab.problems import RAISE, FileError, Gather, InFile, Problem, problems_in, warning
from feab.schemas import Prediction, Scores
from feab.yamlfile import line_finder as yaml_lines
from feab.yamlfile import open_plain, read_bytes

HERE = Path("f.yaml")
FIRST, SECOND = Problem(HERE, "is wrong", 3, "a.b", "mend it"), Problem(HERE, "is worse", 4)


def reader(notes):
    notes.note(FIRST)
    notes.note(SECOND)
    return 1


def test_the_first_is_raised_or_all_are_noted():
    with pytest.raises(FileError, match=r"^f.yaml, line 3: a.b: is wrong; mend it$"):
        reader(RAISE)
    notes = Gather(HERE)
    assert reader(notes) == 1
    assert notes.problems == (FIRST, SECOND)
    with pytest.raises(FeabError):
        notes.settle()


def test_a_warning_stops_nobody():
    RAISE.note(warning(FIRST))
    notes = Gather(HERE)
    notes.note(warning(FIRST))
    notes.settle()
    assert not notes.errors


def test_what_is_raised_is_noted_and_reading_goes_on():
    def fails(words):
        raise FeabError(words)

    notes = Gather(HERE)
    assert notes.attempt(fails, "else", "f.yaml, line 7: is odd") == "else"
    assert notes.attempt(fails, None, "something else is odd") is None
    assert notes.attempt(notes.settle, "noted already") == "noted already"
    assert notes.problems == (Problem(HERE, "is odd", 7), Problem(HERE, "something else is odd"))
    with pytest.raises(FeabError, match="odd"):
        RAISE.attempt(fails, None, "odd")


def test_each_is_kept_once_and_not_more_than_asked_for():
    notes = Gather(HERE, most=3)
    for number in range(10):
        notes.note(Problem(HERE, str(number)))
        notes.note(Problem(HERE, "0"))
    assert [problem.message for problem in notes.problems] == ["0", "1", "2"]
    assert (notes.more, notes.errors) == (7, True)


def test_an_errors_place_is_read_from_its_words():
    assert problems_in(FeabError("f.yaml:12: is odd"), HERE) == (Problem(HERE, "is odd", 12),)
    assert problems_in(FeabError("g.yaml: is odd"), HERE) == (Problem(HERE, "g.yaml: is odd"),)
    assert problems_in(FileError(FIRST, SECOND, message="both"), HERE) == (FIRST, SECOND)


def test_a_field_is_noted_with_its_line():
    notes = Gather(HERE)
    InFile(notes, HERE, yaml_lines(b"a:\n  b: [1,\n 2]\nc: 3\n")).note(["a", "b", 1], "is odd", "mend it")
    assert notes.problems == (Problem(HERE, "is odd", 3, "a.b.1", "mend it"),)


@pytest.mark.parametrize(
    ("place", "line"),
    [((), 1), (("a",), 2), (("a", "b"), 3), (("a", "b", 0), 4), (("a", "b", 1, "c"), 6), (("d",), 9), (("e",), 1),
     (("a", "x"), 2), (("d", "x"), 9)],
)  # fmt: skip
def test_the_line_of_a_field_of_json(place, line):
    text = '{\n"a": {\n"b": [\n1,\n{"x": "}],\\"",\n"c":\n2}]\n},\n"d": 3}'
    assert line_finder(text.encode())(place) == line


@given(st.text(alphabet='{}[]:,"\\ab\n ', max_size=60), st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=4))
def test_any_text_has_a_line_for_any_place(text, place):
    assert 1 <= line_finder(text.encode())(place) <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"tasks": {}, "tasks": {}}', "the key 'tasks' occurs twice"),
        ('{"tasks": {"t": {"kind": "expression", "n": 1, "coverage": 1, "outcomes": {}, "primary": "x", "metrics": {}, '
         '"detail": {"x": [{"a": 1, "a": 1}]}}}}', "the key 'a' occurs twice"),
        ('{"tasks": {"t": {"kind": "expression", "n": 1, "coverage": 1, "outcomes": {}, "primary": "x", "metrics": {}, '
         '"detail": {' + ",".join(f'"{n}": 1' for n in range(200_000)) + ', "199999": 1}}}}', "'199999' occurs twice"),
        ('{"tasks": {}, "overall": {"value": NaN}}', "finite|NaN"),
        ('{"tasks": {}, "overall": {"value": 1e999}}', "finite"),
        ('{"tasks": {"t": {"kind": "expression", "n": 1, "coverage": 1, "outcomes": {}, "primary": "x", "metrics": {}, '
         '"detail": {"x": Infinity}}}}', "Infinity is not JSON"),
        ('{"tasks": {"t": {"kind": "expression", "n": 1, "coverage": 1, "outcomes": {}, "primary": "x", "metrics": {}, '
         '"detail": {"x": 1e999}}}}', "too large"),
        ('{"tasks": {}', "EOF"),
        ("[" * 1000, "recursion limit"),
        ('{"tasks": {' + ",".join(f'"{n}": 1' for n in range(2_000)) + "}}", "2,000 of its fields are wrong"),
        ('{"tasks": {' + '"a": 1, ' * 500_010 + '"b": 1}}', "holds more than 500,000 values"),
        ('\ufeff{"tasks": {}}', "expected value"),
    ],
)  # fmt: skip
def test_json_that_can_be_taken_for_two_things_is_refused(text, says):
    with pytest.raises(FileError, match=says):
        validated(Scores, text.encode(), HERE)


@given(st.dictionaries(st.text(max_size=5), st.floats(0, 1), max_size=5), st.text(max_size=50))
def test_what_feab_writes_is_read(probabilities, text):
    line = Prediction(task="t", sample="s", prompt="p", text=text, outcome="unparsable", probabilities=probabilities)
    assert validated(Prediction, line.model_dump_json().encode(), HERE, 1) == line
    assert validated(Prediction, json.dumps(line.model_dump(mode="json")).encode(), HERE, 1) == line


def test_only_plain_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name, says in [("pipe", "not a file"), (".", "not a file"), ("gone", "No such file"), ("a\0b", "cannot read")]:
        with pytest.raises(FeabError, match=says):
            read_bytes(tmp_path / name, 100)
    with pytest.raises(FeabError, match="not a file"):
        read_bytes(Path("/dev/zero"), 100)
    with pytest.raises(FeabError, match="is a link"):
        read_bytes(tmp_path / "link", 10**6, links=False)
    with open_plain(tmp_path / "link") as file:
        assert file.read(1)
