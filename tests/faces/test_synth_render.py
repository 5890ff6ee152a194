import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from feab.errors import FeabError
from feab.faces import labels
from feab.faces.forms import FORMS
from feab.faces.labels import coded_aus, presence, row, seen_intensities
from feab.faces.render_split import render_rows
from feab.faces.shards import shard_folder, shard_path
from feab.faces.shots import RenderedFace
from feab.faces.synth import SplitSpec, split_plans
from feab.faces.va_rule import valence_arousal
from feab.vocabulary import EXPRESSIONS, FEAB_17

SPEC = SplitSpec("tiny", 7, 2)
SIZE = 96


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("partial")
    told = []
    rows = list(render_rows(SPEC, folder, size=SIZE, workers=2, on_progress=lambda n, of: told.append((n, of))))
    return folder, rows, told


def test_rows_are_complete_ordered_and_decodable(rendered):
    _, rows, told = rendered
    assert [r["id"] for r in rows] == [f"tiny-{i:04d}-{k:02d}" for i in range(2) for k in range(24)]
    assert told[-1] == (48, 48)
    assert told == sorted(told)
    for r in rows:
        assert Image.open(io.BytesIO(r["image"]["bytes"])).size == (SIZE, SIZE)
        x, y, w, h = r["face"]
        assert 0 <= x < x + w <= SIZE
        assert 0 <= y < y + h <= SIZE
        assert r["source"] == "synth"
        assert r["attributes_source"] == "rendered"
        assert r["free"] == (r["expression"] is None)
        assert r["expression"] in (None, *EXPRESSIONS)
        assert r["mini"]
    assert {r["subject"] for r in rows} == {"tiny-0000", "tiny-0001"}
    assert {len(r) for r in rows} == {8 + 34 + 4 + 9}


def test_labels_agree_with_each_other(rendered):
    for r in rendered[1]:
        found = {au: r[f"au{au:02d}_intensity"] for au in FEAB_17}
        assert (r["valence"], r["arousal"]) == valence_arousal(found)
        for au, k in found.items():
            assert r[f"au{au:02d}_presence"] == {0: 0.0, 1: None}.get(int(k), 1.0)
        if r["expression"] == "neutral":
            assert all(k < 2 or au == 25 for au, k in found.items())
        elif r["expression"]:
            form = next(f for f in FORMS[r["expression"]] if f.name == r["form"])
            assert all(found[au] >= 2 for au in form.letters if au not in (25, 26))
        sides = json.loads(r["amounts"])
        assert r["unilateral"] == any(min(s) == 0 and found[int(au)] >= 2 for au, s in sides.items())


def test_one_process_gives_the_same_rows_as_two(rendered, tmp_path):
    assert list(render_rows(SPEC, tmp_path, size=SIZE, workers=1)) == rendered[1]


def test_finished_identities_are_kept(rendered):
    folder, rows, _ = rendered
    shards = shard_folder(folder, SPEC, SIZE)
    shard_path(shards, 0).unlink()
    kept = shard_path(shards, 1).stat().st_mtime_ns
    told = []
    again = list(render_rows(SPEC, folder, size=SIZE, workers=1, on_progress=lambda n, of: told.append(n)))
    assert again == rows
    assert shard_path(shards, 1).stat().st_mtime_ns == kept
    assert told[0] == 24 or told == [48]
    assert not list(shards.glob(".*.half"))


def test_units_that_failed_the_gate_are_not_coded(rendered):
    folder, rows, _ = rendered
    coded = list(render_rows(SPEC, folder, size=SIZE, workers=1, coded=(1, 12)))
    for r, full in zip(coded, rows, strict=True):
        assert r["au23_presence"] is None
        assert r["au23_intensity"] is None
        assert r["au12_intensity"] == full["au12_intensity"]
        assert r["valence"] == full["valence"]  # follows from what is seen, coded or not


def test_gate_file(tmp_path, monkeypatch):
    path = tmp_path / "gate.json"
    assert coded_aus(path) == FEAB_17
    path.write_text('{"coded": [12, 1, 4], "table": []}')
    assert coded_aus(path) == (1, 4, 12)
    monkeypatch.setattr(labels, "GATE_FILE", path)
    for bad in ("[]", '{"coded": [3]}', '{"coded": "12"}', "{"):
        path.write_text(bad)
        with pytest.raises(FeabError, match="gate"):
            coded_aus(path)


def _shot(amounts, changed, gap=0.0, drop=0.0):
    return RenderedFace(b"", amounts, gap, drop, changed, (0.0, 0.0, 1.0, 1.0))


def test_unseen_units_are_traces_and_move_no_valence():
    planned = split_plans(SPEC, 0)[0]
    seen = row(SPEC, planned, _shot({9: (0.9, 0.9), 12: (0.5, 0.0)}, {9: 500, 12: 500}), FEAB_17)
    hidden = row(SPEC, planned, _shot({9: (0.9, 0.9), 12: (0.5, 0.0)}, {9: 500, 12: 3}), FEAB_17)
    assert (seen["au12_presence"], seen["unilateral"]) == (1.0, True)
    assert (hidden["au12_presence"], hidden["au12_intensity"], hidden["unilateral"]) == (None, 1.0, False)
    assert hidden["valence"] < seen["valence"]


def test_mouth_opening_is_what_the_mesh_shows():
    jaw = _shot({26: (0.9, 0.9)}, {25: 900, 26: 900}, gap=0.30, drop=0.22)
    assert (seen_intensities(jaw)[25], seen_intensities(jaw)[26]) == (5, 3)
    lip = _shot({25: (0.9, 0.9)}, {25: 900}, gap=0.06, drop=0.06)
    assert (seen_intensities(lip)[25], seen_intensities(lip)[26]) == (2, 0)  # skin pulled, no jaw: no trace of 26
    slight = _shot({25: (1.0, 1.0), 26: (0.1, 0.1)}, {25: 900}, gap=0.09, drop=0.07)
    assert seen_intensities(slight)[26] == 1
    assert [presence(k) for k in range(6)] == [0.0, None, 1.0, 1.0, 1.0, 1.0]


def test_facts_survive_the_disk():
    shot = _shot({12: (0.5, 0.0)}, {12: 321}, 0.125, -0.01)
    assert RenderedFace.from_facts(b"", shot.facts()) == shot


@pytest.mark.parametrize(("size", "workers"), [(63, 1), (1025, 1), (96, 0)])
def test_bad_requests_are_refused_before_any_work(tmp_path, size, workers):
    with pytest.raises(FeabError):
        render_rows(SPEC, tmp_path, size=size, workers=workers)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script")
@pytest.mark.parametrize(("status", "said"), [(3, "no space left"), (0, "ended without identity 0")])
def test_workers_that_fail_or_vanish_are_reported(tmp_path, monkeypatch, status, said):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho no space left >&2\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(FeabError, match=said):
        next(render_rows(SPEC, tmp_path, size=SIZE, workers=2))


SCRIPT = """
import sys
from feab.faces.render_split import render_rows
from feab.faces.synth import SplitSpec
for row in render_rows(SplitSpec("tiny", 8, 40), sys.argv[1], size=64, workers=2):
    print(row["id"], flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_leaves_whole_files_and_no_process(tmp_path):
    program = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, start_new_session=True)  # fmt: skip
    assert program.stdout is not None
    assert program.stdout.readline().startswith("tiny-0000-00")
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    program.wait(timeout=30)
    program.stdout.close()
    for _ in range(50):
        try:
            os.killpg(program.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("a worker outlived its parent")
    spec = SplitSpec("tiny", 8, 1)
    rows = list(render_rows(spec, tmp_path, size=64, workers=1))
    assert len(rows) == 24
    assert not list(tmp_path.rglob("*.half"))
