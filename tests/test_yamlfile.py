"""Small files that strangers wrote: model cards, mock scripts and training recipes go through one reader."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.content import shipped
from feab.errors import FeabError
from feab.training.recipe import load_recipe
from feab.yamlfile import parse_yaml, read_bytes, read_text, sha256_of

HERE = Path("a.yaml")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a: &x [1]\nb: *x", r"a\.yaml, line 2: .*aliases"),
        (b"a: 1\nb: 2\na: 3", r"line 3: .*'a' occurs twice"),
        (b"a: 2024-13-45", "month must be in"),
        (b"a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        (b"a: \xff\xfe", "not valid YAML"),
        (b"[" * 3000, r"a\.yaml"),
    ],
)
def test_what_is_no_plain_yaml_is_said_with_its_place(data: bytes, says: str) -> None:
    with pytest.raises(FeabError, match=says):
        parse_yaml(data, HERE)


@given(st.binary(max_size=200) | st.text("-:[]{}&*!'\"#|> \nab1", max_size=60).map(str.encode))
def test_any_bytes_are_a_value_or_a_feab_error(data: bytes) -> None:
    with suppress(FeabError):
        parse_yaml(data, HERE)


def test_files_are_bounded_and_text_is_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "x.jinja"
    path.write_bytes(b"ab\xffcd")
    assert read_bytes(path, 5) == b"ab\xffcd"
    with pytest.raises(FeabError, match="larger"):
        read_bytes(path, 4)
    with pytest.raises(FeabError, match=r"not UTF-8 text \(byte 2\)"):
        read_text(path, 5)
    with pytest.raises(FeabError, match="cannot read"):
        read_text(tmp_path / "gone", 5)


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**20 + 1])
def test_the_sha256_of_a_file_by_pieces_is_that_of_its_bytes(size: int) -> None:
    data = bytes(size)
    file = io.BytesIO(b"read before" + data)
    file.seek(len(b"read before"))
    assert sha256_of(file) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seed: 0", "seed: 2024-13-45", "not valid YAML"),
        ("seed: 0", "seed: 0\nseed: 1", "'seed' occurs twice"),
        ("seed: 0", "seed: &a 0\nextra: *a", "aliases"),
        ("name: feab-tiny", "name: ../../feab-tiny", "name: String should match"),
    ],
)
def test_a_recipe_is_read_by_it(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (shipped("training") / "tiny.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "r.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FeabError, match=says):
        load_recipe(tmp_path / "r.yaml")


def test_a_recipe_that_cannot_be_followed_is_refused_before_any_face_is_rendered(tmp_path: Path) -> None:
    from feab.training import train

    recipe = shipped("training") / "tiny.yaml"
    language = load_recipe(recipe).language.model_dump()
    for share in (0, -1, float("nan")):
        with pytest.raises(FeabError, match=r"language\.prompts\.json: Input should be"):
            load_recipe(recipe, language={**language, "prompts": {"direct": 1, "json": share}})
    with pytest.raises(FeabError, match=r"language\.prompts"):
        load_recipe(recipe, language={**language, "prompts": {}})
    pytest.importorskip("torch")
    with pytest.raises(FeabError, match="has no prompt 'jsno'; it has direct"):
        train(recipe, out=tmp_path / "model", language={**language, "prompts": {"jsno": 1}})
    assert not (tmp_path / "model").exists()


def test_a_batch_of_more_faces_than_there_are_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from feab.data.rendered import render_dataset
    from feab.training import train

    recipe = shipped("training") / "tiny.yaml"
    faces = render_dataset(1, 5, 64, tmp_path / "one", workers=1)
    vision = {**load_recipe(recipe).vision.model_dump(), "batch_size": 25}
    splits = {"dataset": str(faces), "train_split": "test", "validation_split": "test"}
    with pytest.raises(FeabError, match=r"vision\.batch_size 25 is more than the 24 faces"):
        train(recipe, out=tmp_path / "model", log=lambda _: None, vision=vision, **splits)
