"""Imported answers score to what scikit-learn and plain numpy make of them."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faces_folder import picture
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from feab.data import write_split
from feab.runs import import_run
from feab.schemas import DatasetInfo
from feab.tasks import load_tasks
from feab.vocabulary import ALIASES, EXPRESSIONS, FEAB_17

SIZES = dict(zip(EXPRESSIONS, (120, 90, 48, 40, 22, 18, 30, 12), strict=True))
"""As uneven as web sets are: 380 faces."""

ONE = picture(1)


def write_faces(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    info = DatasetInfo(
        name="web", version="1", splits={}, licence="for research", images_may_be_shared=False,
        third_party="forbidden", labels=list(EXPRESSIONS), aus=list(FEAB_17),
    )  # fmt: skip
    write_split(folder, "test", ({"image": ONE, **row} for row in rows), info)
    return folder


def written_as(label: str, draw: random.Random) -> str:
    """The label as other people write it: an alias, in any case."""
    word = draw.choice([alias for alias, meant in ALIASES.items() if meant == label])
    return draw.choice([word, word.upper(), word.capitalize(), f" {word} "])


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The faces, and the truth by id."""
    truth = [label for label, n in SIZES.items() for _ in range(n)]
    random.Random(0).shuffle(truth)
    ids = [f"test_{i:04d}_aligned" for i in range(len(truth))]
    rows = [{"id": name, "expression": label} for name, label in zip(ids, truth, strict=True)]
    return write_faces(tmp_path_factory.mktemp("web") / "faces", rows), dict(zip(ids, truth, strict=True))


def guesses(truth: dict[str, str], seed: int) -> dict[str, str | None]:
    """Answers by a seeded confusion: right at .6, else the neighbour or anything; 4 % refuse, 4 % are not there."""
    draw = random.Random(seed)
    found: dict[str, str | None] = {}
    for name, label in truth.items():
        fate = draw.random()
        if fate < 0.04:
            found[name] = "confusion"  # a word that is no label of the task
        elif fate < 0.08:
            found[name] = None
        elif fate < 0.68:
            found[name] = label
        else:
            found[name] = draw.choice(EXPRESSIONS if fate < 0.8 else ["neutral", "surprise"])
    return found


def by_sklearn(truth: Sequence[str], said: Sequence[str | None]) -> dict[str, float]:
    """Accuracy, UAR and macro-F1 over the labels with at least five faces; no answer is a class of its own."""
    known = ["(none)" if answer not in EXPRESSIONS else answer for answer in said]
    kept = [label for label in EXPRESSIONS if truth.count(label) >= 5]
    return {
        "accuracy": accuracy_score(truth, known),
        "uar": recall_score(truth, known, labels=kept, average="macro", zero_division=0) if kept else None,
        "macro_f1": f1_score(truth, known, labels=kept, average="macro", zero_division=0) if kept else None,
    }


@pytest.mark.parametrize("ranked", [False, True], ids=["labels", "ranked"])
def test_a_published_label_file_scores_as_scikit_learn_scores_it(
    web: tuple[Path, dict[str, str]], tmp_path: Path, ranked: bool
) -> None:
    faces, truth = web
    said = guesses(truth, 5)
    draw = random.Random(9)
    written: dict[str, Any] = {}
    for name, answer in said.items():
        if answer is None:
            continue
        word = written_as(answer, draw) if answer in EXPRESSIONS else answer
        others = [written_as(label, draw) for label in draw.sample(EXPRESSIONS, 4)]
        written[f"{name}.jpg"] = [word, *others] if ranked else word
    file = tmp_path / "gpt4v.json"
    file.write_text(json.dumps(written))
    done = import_run(
        file, tasks="synth_expression", data=faces, model="gpt-4v", out=tmp_path / "run", missing="no-answer"
    )
    scores = done.run.scores
    assert scores is not None
    assert scores.complete
    assert done.matched == {"file name without its ending": len(written)}
    answers = [said[name] for name in truth]
    assert done.missing.count == answers.count(None) > 5
    found = {name: estimate.value for name, estimate in scores.tasks["synth_expression"].metrics.items()}
    expected = by_sklearn(list(truth.values()), answers)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    known = [answer if answer in EXPRESSIONS else "(none)" for answer in answers]
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert found["uar"] == pytest.approx(balanced_accuracy_score(list(truth.values()), known), abs=1e-12)
    assert scores.tasks["synth_expression"].coverage == pytest.approx(1 - known.count("(none)") / len(known))
    assert all(line.probabilities is None for line in done.run.predictions())


WORDS = st.one_of(st.none(), st.sampled_from([*EXPRESSIONS, "Joy", "ANGRY", "scared"]), st.sampled_from(["bored", "?"]))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(EXPRESSIONS), WORDS), min_size=1, max_size=60))
def test_any_labels_score_as_scikit_learn_scores_them(pairs: list[tuple[str, str | None]]) -> None:
    if not any(answer and answer.casefold() in ALIASES for _, answer in pairs):
        pairs = [*pairs, ("fear", "fear")]  # a file without one readable label is refused, see test_importing
    with tempfile.TemporaryDirectory() as folder:
        faces = write_faces(
            Path(folder, "faces"), [{"id": f"i{n}", "expression": label} for n, (label, _) in enumerate(pairs)]
        )
        file = Path(folder, "said.csv")
        rows = [f"i{n},{answer}" for n, (_, answer) in enumerate(pairs) if answer is not None]
        file.write_text("\n".join(["image,label", *rows]))
        done = import_run(
            file, tasks="synth_expression", data=faces, model="m", out=Path(folder, "run"), missing="no-answer"
        )
        assert done.run.scores is not None
        metrics = done.run.scores.tasks["synth_expression"].metrics
    said = [ALIASES.get((answer or "").casefold()) for _, answer in pairs]
    for name, value in by_sklearn([label for label, _ in pairs], said).items():
        assert metrics[name].value == (None if value is None else pytest.approx(value, abs=1e-12)), name


def ccc(truth: np.ndarray, said: np.ndarray) -> float:
    """Lin (1989), by its definition."""
    t, s = truth.mean(), said.mean()
    return float(2 * ((truth - t) * (said - s)).mean() / (truth.var() + said.var() + (t - s) ** 2))


def test_values_and_action_units_score_as_plain_numpy_scores_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 320
    va = rng.uniform(-0.9, 0.9, (n, 2)).astype(np.float32)
    aus = load_tasks("synth_action_units")[0].aus
    truth = (rng.random((n, len(aus))) < np.linspace(0.02, 0.5, len(aus))).astype(float)
    faces = write_faces(
        tmp_path / "faces",
        [
            {"id": f"i{i}", "subject": f"s{i % 40}", "valence": float(va[i, 0]), "arousal": float(va[i, 1])}
            | {f"au{au:02d}_presence": truth[i, j] for j, au in enumerate(aus)}
            for i in range(n)
        ],
    )
    said_va = np.clip(0.6 * va + rng.normal(0, 0.3, va.shape), -1, 1)
    said_au = np.abs(truth - (rng.random(truth.shape) < 0.2))
    silent = rng.random(n) < 0.05
    file = tmp_path / "all.csv"
    lines = [
        ",".join([f"i{i}", *map(repr, said_va[i].tolist()), *(f"{v:.0f}" for v in said_au[i])])
        for i in range(n)
        if not silent[i]
    ]
    file.write_text("\n".join([",".join(["id", "valence", "arousal", *(f"AU{au:02d}" for au in aus)]), *lines]))
    done = import_run(
        file, tasks="synth_valence_arousal,synth_action_units", data=faces, model="m", out=tmp_path / "run",
        missing="no-answer",
    )  # fmt: skip
    assert done.run.scores is not None
    told = va.astype(float)
    mirrored = np.where(silent[:, None], 2 * told.mean(0) - told, said_va)  # measurement.md, E9
    scores = done.run.scores.tasks["synth_valence_arousal"].metrics
    for axis, name in enumerate(("ccc_valence", "ccc_arousal")):
        assert scores[name].value == pytest.approx(ccc(told[:, axis], mirrored[:, axis]), abs=1e-12)
    named = np.where(silent[:, None], 0, said_au)
    f1 = 2 * (truth * named).sum(0) / (truth.sum(0) + named.sum(0))
    people = [len({i % 40 for i in range(n) if truth[i, j]}) for j in range(len(aus))]
    kept = [j for j in range(len(aus)) if truth[:, j].sum() >= 10 and people[j] >= 5]
    assert 0 < len(kept) < len(aus)
    units = done.run.scores.tasks["synth_action_units"].metrics
    assert units["f1"].value == pytest.approx(f1[kept].mean(), abs=1e-12)
