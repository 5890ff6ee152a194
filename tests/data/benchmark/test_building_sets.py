"""Building FEAB and the pool of FEID: the same set everywhere, and a part is never taken for the whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from made_sources import AFFWILD2, DISFA, EIGHT, ckplus, make_all, picture, save, web
from PIL import Image

from feab.data import load_dataset, read_info, validate_dataset
from feab.data.benchmark import Built, DifferentError, build
from feab.data.benchmark.manifest import labels_sha256, read_manifest
from feab.data.readers import mimic, names, prepare
from feab.errors import FeabError


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six datasets with enough faces."""
    return make_all(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def feab(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The whole set."""
    return build("feab", sources, tmp_path_factory.mktemp("built") / "feab")


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same datasets elsewhere, their rows in another order."""
    return make_all(tmp_path_factory.mktemp("shuffled"), order=3)


def rows_of(made: Built) -> list[dict[str, Any]]:
    rows = load_dataset(made.folder, made.recipe.split).labels().to_dict("records")
    return [{str(name): None if value != value else value for name, value in row.items()} for row in rows]


def test_the_whole_set_has_what_was_decided(feab: Built) -> None:
    assert feab.whole
    assert (feab.info.name, feab.info.third_party) == ("feab", "forbidden")
    rows = rows_of(feab)
    by_source = {name: [row for row in rows if row["source"] == name] for name in feab.recipe.sources}
    assert {name: len(of) for name, of in by_source.items()} == {
        "ckplus": 34, "rafdb": 511, "affectnet": 800, "affwild2": 824, "disfa": 450, "bp4d": 416,
    }  # fmt: skip
    assert feab.counts.levels["expression"] == 1758
    assert Counter(row["expression"] for row in by_source["rafdb"]) == dict.fromkeys(EIGHT[:7], 73)
    assert Counter(row["expression"] for row in by_source["affectnet"]) == dict.fromkeys(EIGHT, 100)
    asked = [row for row in by_source["affwild2"] if row["chosen_for"] == "classes"]
    assert Counter(row["expression"] for row in asked) == dict.fromkeys(EIGHT[:7], 59)
    coded = [row for row in by_source["affwild2"] if row["chosen_for"] == "units"]
    assert {row["expression"] for row in coded} == {None}
    assert max(Counter(row["subject"] for row in by_source["affwild2"]).values()) <= 8
    assert set(Counter(row["subject"] for row in by_source["disfa"]).values()) == {50}
    assert Counter(row["subject"] for row in by_source["bp4d"]) == dict.fromkeys((f"F1{k:02d}" for k in range(13)), 32)
    for name in ("disfa", "bp4d", "affwild2"):
        assert all(there >= 45 for _, there in feab.counts.units[name].values()), feab.counts.units[name]
    validate_dataset(feab.folder)


def test_frames_of_a_recording_lie_a_second_apart(feab: Built) -> None:
    films: dict[tuple[str, str], list[int]] = {}
    for row in rows_of(feab):
        if row["source"] in ("disfa", "bp4d"):
            film, _, frame = row["id"].rpartition("_")
            films.setdefault((row["source"], film), []).append(int(frame))
    rate = {"disfa": 20, "bp4d": 25}
    assert all(other - one >= rate[source] for (source, _), of in films.items() for one, other in pairwise(sorted(of)))


def test_the_open_jaw_of_ck_plus_counts_as_26(feab: Built) -> None:
    rows = [row for row in rows_of(feab) if row["source"] == "ckplus"]
    assert {row["au26_presence"] for row in rows if row["expression"] == "surprise"} == {1.0}
    assert {row["au26_presence"] for row in rows if row["expression"] != "surprise"} == {0.0}
    surprised = load_dataset(feab.folder)
    graded = [sample.au_intensity.get(26) for sample in surprised if sample.expression == "surprise"]
    assert graded[:9] == [None] * 9  # 27's grade is not 26's
    assert 27 not in feab.info.aus


def test_it_can_be_run_and_is_scored_by_source(feab: Built, tmp_path: Path) -> None:
    import feab as package

    run = package.run("baseline/uniform", "feab", data=feab.folder, out=tmp_path / "run")
    scores = package.score(run, feab.folder)
    assert set(scores.tasks["feab_expression"].detail["sources"]) == {"ckplus", "rafdb", "affectnet", "affwild2"}
    assert set(scores.tasks["feab_valence_arousal"].detail["sources"]) == {"affectnet", "affwild2"}
    assert set(scores.tasks["feab_action_units"].detail["sources"]) == {"ckplus", "affwild2", "disfa", "bp4d"}
    assert scores.overall is not None
    for line in run.predictions():
        if line.task == "feab_action_units" and line.sample.startswith("affwild2/"):
            assert set(line.answer) <= set(AFFWILD2)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ the same everywhere


def test_rows_in_another_order_give_the_same_set(feab: Built, shuffled: Path, tmp_path: Path) -> None:
    again = build("feab", shuffled, tmp_path / "again" / "feab")
    assert again.manifest.fingerprint == feab.manifest.fingerprint
    assert [item.id for item in again.manifest.items] == [item.id for item in feab.manifest.items]


SCRIPT = """
import json, sys
from pathlib import Path
from feab.data.benchmark import build
from feab.data.readers import prepare
delivered, root, *sources = sys.argv[1:]
for name in sources:
    prepare(name, Path(delivered) / name, Path(root) / name)
made = build("feab", root, Path(root) / "set")
print(json.dumps([made.info.name, made.manifest.fingerprint, made.manifest.model_dump(mode="json")]))
"""


def test_two_builds_from_the_mimic_trees_are_identical(tmp_path: Path) -> None:
    """Other folders, files made in another order, datasets prepared in another order, another hash seed."""
    wanted = [name for name in ("ckplus", "rafdb", "affectnet", "affwild2", "disfa", "bp4d") if name in names()]
    first, second = tmp_path / "first", tmp_path / "elsewhere" / "second"
    for name in wanted:
        mimic(name, first / name, 60)
    for file in sorted((path for path in first.rglob("*") if path.is_file()), reverse=True):
        copy = second / file.relative_to(first)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    found = []
    for delivered, order, hash_seed in ((first, wanted, "1"), (second, wanted[::-1], "2")):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, delivered, tmp_path / f"prepared{hash_seed}", *order],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert found[0][0].startswith("feab-partial-short-ckplus-rafdb-")


# -------------------------------------------------------------------------------------------------------------- parts


def test_a_part_is_called_so_and_is_not_the_whole(
    sources: Path, data_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "some"
    for name in ("ckplus", "rafdb"):
        shutil.copytree(sources / name, root / name)
    made = build("feab", root)
    assert not made.whole
    assert made.folder == data_home / "feab-partial-ckplus-rafdb"
    assert read_info(made.folder).name == "feab-partial-ckplus-rafdb"
    assert made.info.notes.count("PARTIAL, not feab") == 1
    assert made.manifest.missing == ["affectnet", "affwild2", "disfa", "bp4d"]
    with pytest.raises(FeabError, match="only the whole set may be called so, and this is feab-partial-ckplus-rafdb"):
        build("feab", root, tmp_path / "feab")
    assert not (tmp_path / "feab").exists()
    monkeypatch.chdir(tmp_path)  # the package of this name lies where tests are run
    with pytest.raises(FeabError, match="no dataset 'feab'"):
        load_dataset("feab")


def test_too_few_faces_are_called_short(sources: Path, tmp_path: Path) -> None:
    root = tmp_path / "some"
    shutil.copytree(sources / "ckplus", root / "ckplus")
    save(root, "rafdb", "test", web("test", EIGHT[:7], 3), labels=EIGHT[:7])
    made = build("feab", root, tmp_path / "made")
    assert made.info.name == "feab-partial-ckplus-short-rafdb"
    assert made.manifest.sources["rafdb"].short == ["21 of 511 images"]


def test_people_of_disfa_that_are_not_there_are_told(sources: Path, tmp_path: Path) -> None:
    root = tmp_path / "some"
    info, data = read_info(sources / "disfa"), load_dataset(sources / "disfa")
    rows = [row for row in data.labels().to_dict("records") if row["subject"] != "SN10"]
    clean = [{key: value for key, value in row.items() if value == value and value is not None} for row in rows]
    save(root, "disfa", "test", clean, aus=tuple(info.aus), extra={"frame": "integer", "fold": "integer"})
    made = build("feab", root, tmp_path / "made")
    assert made.info.name == "feab-partial-short-disfa"
    assert made.manifest.sources["disfa"].chosen == 450  # filled up from the others
    assert made.manifest.sources["disfa"].short == ["8 of 9 people"]


def test_without_any_source_it_is_told_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match=r"holds no dataset of feab; it takes ckplus \(test\), rafdb \(test\)"):
        build("feab", tmp_path)
    with pytest.raises(FeabError, match="no such folder"):
        build("feab", tmp_path / "nowhere")
    (tmp_path / "rafdb").mkdir()
    save(tmp_path / "x", "jaffe", "test", web("a", EIGHT[:7], 1), labels=EIGHT[:7])
    shutil.copytree(tmp_path / "x" / "jaffe", tmp_path / "rafdb", dirs_exist_ok=True)
    with pytest.raises(FeabError, match="holds the dataset jaffe, not rafdb"):
        build("feab", tmp_path)


# ----------------------------------------------------------------------------------------------------------- manifests


def test_a_manifest_builds_the_same_set_elsewhere(feab: Built, shuffled: Path, tmp_path: Path) -> None:
    again = build("feab", shuffled, tmp_path / "feab", manifest=feab.manifest_file)
    assert again.manifest == feab.manifest
    assert again.info.splits == feab.info.splits
    assert again.manifest_file.read_bytes() == feab.manifest_file.read_bytes()


def test_a_manifest_holds_no_picture_and_no_label(feab: Built) -> None:
    text = feab.manifest_file.read_text()
    assert not any(word in text for word in EIGHT)
    (item,) = [item for item in feab.manifest.items if item.source == "rafdb"][:1]
    sample = next(sample for sample in load_dataset(feab.folder) if sample.id == item.id)
    lines = [
        json.dumps(
            [item.id, item.image, {"chosen_for": "classes", "expression": label, "source": "rafdb"}],
            separators=(",", ":"),
        )
        + "\n"
        for label in EIGHT
    ]
    assert item.labels == labels_sha256(sample.media.read(), lines[EIGHT.index(str(sample.expression))].encode())
    assert item.labels not in [labels_sha256(b"", line.encode()) for line in lines]


def test_what_differs_is_named(feab: Built, sources: Path, tmp_path: Path) -> None:
    root = make_all(tmp_path / "other", without=("rafdb", "bp4d"))
    mine = [item.sample for item in feab.manifest.items if item.source == "rafdb"]
    rows = web("test", EIGHT[:7], 74)
    for row in rows:
        if row["id"] == mine[0]:
            row["image"] = picture("another")
        if row["id"] == mine[1]:
            row["expression"] = "anger" if row["expression"] != "anger" else "fear"
    save(root, "rafdb", "test", [row for row in rows if row["id"] != mine[2]], labels=EIGHT[:7])
    with pytest.raises(DifferentError) as caught:
        build("feab", root, tmp_path / "feab", manifest=feab.manifest_file)
    found = Counter((one.item.source, one.what) for one in caught.value.differences)
    assert found == {
        ("rafdb", "other picture"): 1,
        ("rafdb", "other labels"): 1,
        ("rafdb", "missing"): 1,
        ("bp4d", "missing"): 416,
    }
    assert {one.item.sample for one in caught.value.differences if one.item.source == "rafdb"} == set(mine[:3])
    assert "419 of 3,035 faces are not the same here" in str(caught.value)
    assert f"rafdb: {mine[0]}: is another picture" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m.update(set="feab-partial-rafdb"), "is called feab-partial-rafdb, and what it holds is feab"),
        (lambda m: m["items"].pop(), "source bp4d has 415 faces, and it says 416 of 416"),
        (lambda m: m["recipe"].update(sha256="0" * 64), "was made by the recipe feab 1.0"),
        (lambda m: m["sources"]["disfa"].update(wanted=3), "source disfa is not as the recipe has it"),
        (lambda m: m["items"][5].update(part=7), "source ckplus has fewer parts than its faces say"),
        (lambda m: m["items"][1].update(m["items"][0]), "names a face twice"),
        (lambda m: m["items"][1].update(id="../../x"), "by another id than its own"),
        (lambda m: m.update(set="../up"), r"is called \.\./up"),
        (lambda m: m.update(fingerprint="0" * 64), "the file was changed"),
        (lambda m: m.update(more=1), "more"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(
    change: Any, told: str, feab: Built, sources: Path, tmp_path: Path
) -> None:
    held = json.loads(feab.manifest_file.read_text())
    change(held)
    (tmp_path / "m.json").write_text(json.dumps(held))
    with pytest.raises(FeabError, match=told):
        build("feab", sources, tmp_path / "feab", manifest=tmp_path / "m.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json"]


def test_a_manifest_of_a_part_builds_that_part(sources: Path, tmp_path: Path) -> None:
    root = tmp_path / "some"
    shutil.copytree(sources / "rafdb", root / "rafdb")
    made = build("feab", root, tmp_path / "part")
    again = build("feab", sources, tmp_path / "again", manifest=made.manifest_file)
    assert again.info.name == "feab-partial-rafdb"
    assert again.manifest == read_manifest(made.manifest_file)


# -------------------------------------------------------------------------------------------------------------- folders


class _Interrupted(BaseException):
    pass


def test_an_interrupted_build_leaves_nothing(sources: Path, tmp_path: Path) -> None:
    def stop(what: str, done: int) -> None:
        if what == "writing" and done == 700:
            raise _Interrupted

    with pytest.raises(_Interrupted):
        build("feab", sources, tmp_path / "feab", on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(feab: Built, sources: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(sources / "rafdb", root / "rafdb")
    folder = tmp_path / "mine"
    build("feab", root, folder)
    before = (folder / "dataset.json").read_bytes()
    with pytest.raises(FeabError, match="holds feab-partial-rafdb already; --again makes it anew"):
        build("feab", root, folder)
    shutil.copytree(sources / "ckplus", root / "ckplus")
    assert build("feab", root, folder, again=True).info.name == "feab-partial-ckplus-rafdb"
    assert (folder / "dataset.json").read_bytes() != before
    (folder / "thesis.tex").write_text("do not touch")
    with pytest.raises(FeabError, match=r"holds thesis\.tex, too"):
        build("feab", root, folder, again=True)
    with pytest.raises(FeabError, match="holds the dataset feab-partial-ckplus-rafdb; choose another folder"):
        build("feid-pool", root, folder, again=True)
    (folder / "dataset.json").unlink()
    with pytest.raises(FeabError, match="holds something else"):
        build("feab", root, folder, again=True)
    assert (folder / "thesis.tex").read_text() == "do not touch"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "root"]


# --------------------------------------------------------------------------------------------------------- FEID's pool


def test_the_pool_keeps_apart_from_feab(tmp_path: Path) -> None:
    """Nobody of FEAB's part of CK+; of web faces none that FEAB has, nor a smaller or mirrored copy of one."""
    import io

    from PIL import ImageOps

    root = tmp_path / "root"
    posed = [{**row, "image": picture(row["id"])} for row in ckplus()]
    save(root, "ckplus", "test", posed, labels=EIGHT, aus=(*DISFA, 27))
    tests = [{**row, "image": picture(row["id"])} for row in web("test", EIGHT[:7], 73)]
    train = [{**row, "image": picture(row["id"])} for row in web("train", EIGHT[:7], 20)]
    train[0]["image"] = tests[5]["image"]
    for row, how in ((1, lambda image: image.resize((24, 24))), (2, ImageOps.mirror)):
        buffer = io.BytesIO()
        how(Image.open(io.BytesIO(tests[7 * row]["image"]))).save(buffer, "PNG")
        train[row]["image"] = buffer.getvalue()
    save(root, "rafdb", "test", tests, labels=EIGHT[:7])
    save(root, "rafdb", "train", train, labels=EIGHT[:7])
    made = build("feid-pool", root, tmp_path / "pool")
    assert made.info.name == "feid-pool-partial-ckplus-short-rafdb"
    assert list(made.info.splits) == ["train"]
    used = made.manifest.sources
    assert (used["rafdb"].copies, used["rafdb"].near_duplicates, used["rafdb"].chosen) == (1, 2, 137)
    assert (used["ckplus"].chosen, used["ckplus"].wanted) == (293, 293)
    feab = build("feab", root, tmp_path / "test")
    assert not {row["subject"] for row in rows_of(feab) if row["subject"]} & {
        row["subject"] for row in rows_of(made) if row["subject"]
    }
    here = {item.sample for item in made.manifest.items if item.source == "rafdb"}
    assert here == {row["id"] for row in train[3:]}


def test_prepared_pictures_that_stay_in_their_place_are_copied(tmp_path: Path) -> None:
    mimic("rafdb", tmp_path / "delivered", 14)
    prepare("rafdb", tmp_path / "delivered", tmp_path / "root" / "rafdb")
    made = build("feab", tmp_path / "root", tmp_path / "made")
    shutil.rmtree(tmp_path / "delivered")
    assert all(sample.media.read() for sample in load_dataset(made.folder))
    assert {row["age_group"] for row in rows_of(made)} != {None}
