"""Reading a delivered folder inside its bounds."""

from __future__ import annotations

import io
import math
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.data.readers import tree as tree_module
from feab.data.readers.tree import Tree, number_in, whole_in
from feab.errors import FeabError


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "out.txt").write_text("secret")
    (tmp_path / "in" / "list.csv").write_bytes(b'\xef\xbb\xbfName,Value\r\n"a, b",1\r\n\r\nc\r\n')
    (tmp_path / "in" / "link.txt").symlink_to(tmp_path / "out.txt")
    (tmp_path / "in" / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "in" / "2.jpg").write_bytes(b"x")
    (tmp_path / "in" / "1.JPG").write_bytes(b"x")
    (tmp_path / "in" / ".hidden.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "in" / "pipe.txt")
    return Tree(tmp_path / "in")


@pytest.mark.parametrize("path", ["../out.txt", "link.txt", "up/out.txt", "/etc/passwd", "a\0b", "", "loop.txt"])
def test_nothing_outside_is_opened(tree: Tree, path: str) -> None:
    assert not tree.has(path)
    with pytest.raises(FeabError):
        tree.text(path)
    with pytest.raises(FeabError):
        list(tree.lines(path))


def test_a_named_pipe_is_no_file(tree: Tree) -> None:
    with pytest.raises(FeabError, match="not a file"):
        list(tree.lines("pipe.txt"))


def test_lines_cells_and_tables(tree: Tree) -> None:
    assert list(tree.lines("list.csv")) == [(1, "Name,Value"), (2, '"a, b",1'), (4, "c")]
    assert list(tree.cells("list.csv")) == [(1, ["Name", "Value"]), (2, ["a, b", "1"]), (4, ["c"])]
    assert list(tree.table("list.csv", ("value",))) == [(2, {"name": "a, b", "value": "1"}), (4, {"name": "c"})]
    with pytest.raises(FeabError, match="no column 'votes'; it has Name, Value"):
        list(tree.table("list.csv", ("votes",)))


def test_names_are_sorted_and_pictures_by_their_endings(tree: Tree) -> None:
    assert tree.files() == ["1.JPG", "2.jpg"]
    assert tree.files("", (".csv",)) == ["list.csv"]
    assert tree.folders() == ["sub"]  # `up` is a link
    assert tree.has("*.csv")
    assert not tree.has("*.npy")
    assert not tree.has("nowhere/*.csv")
    with pytest.raises(FeabError, match="cannot be read"):
        tree.files("nowhere")


def test_sizes_are_bounded(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree.root / "long.txt").write_text("a" * 300 + "\n")
    monkeypatch.setattr(tree_module, "MAX_LINE", 200)
    with pytest.raises(FeabError, match="line 1 has more than 200 characters"):
        list(tree.lines("long.txt"))
    monkeypatch.setattr(tree_module, "MAX_FILE", 100)
    with pytest.raises(FeabError, match="larger than"):
        list(tree.lines("long.txt"))
    monkeypatch.setattr(tree_module, "MAX_NAMES", 2)
    with pytest.raises(FeabError, match="more than 2 files"):
        tree.files()
    with pytest.raises(FeabError, match="larger than"):
        tree.bytes("long.txt", 100)


def test_arrays_of_objects_are_refused(tree: Tree) -> None:
    """Reading one would run what its pickle holds."""

    class Evil:
        def __reduce__(self) -> object:
            return (os.mkdir, (str(tree.root / "owned"),))

    buffer = io.BytesIO()
    np.save(buffer, np.array([Evil()], dtype=object), allow_pickle=True)
    (tree.root / "evil.npy").write_bytes(buffer.getvalue())
    with pytest.raises(FeabError, match=r"not a plain \.npy file"):
        tree.array("evil.npy")
    assert not (tree.root / "owned").exists()
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    (tree.root / "zip.npy").write_bytes(buffer.getvalue())
    with pytest.raises(FeabError, match=r"not a plain \.npy file"):
        tree.array("zip.npy")


@given(st.binary(max_size=400))
def test_any_bytes_are_lines_or_refused(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.csv").write_bytes(data)
        tree = Tree(Path(folder))
        for number, cells in tree.cells("a.csv"):
            assert number >= 1
            assert cells
            assert all(cell == cell.strip() for cell in cells)
        with suppress(FeabError):
            tree.array("a.csv")


@given(st.text(max_size=20))
def test_numbers_are_in_their_range_or_none(text: str) -> None:
    value = number_in(text, -1, 1)
    assert value is None or (-1 <= value <= 1 and math.isfinite(value))
    code = whole_in(text, range(8))
    assert code is None or (code in range(8) and float(text) == code)


def test_numbers() -> None:
    assert number_in(" 0.5 ", -1, 1) == 0.5
    assert [number_in(word, -1, 1) for word in ("nan", "inf", "", "x", "1.01")] == [None] * 5
    assert [whole_in(word, range(8)) for word in ("3", "3.0", "3.000e+00")] == [3, 3, 3]
    assert [whole_in(word, range(8)) for word in ("3.5", "8", "-1", "", "nan")] == [None] * 5
