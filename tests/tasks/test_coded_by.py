"""Tasks of several sources: each face is asked about those action units that its source codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from feab.data import write_split
from feab.errors import FeabError
from feab.records import Media, Sample, Text
from feab.schemas import DatasetInfo
from feab.tasks import lm_eval, load_tasks
from feab.tasks.task import Task

(UNITS,) = load_tasks("feab_action_units")
BP4D, DISFA = UNITS.coded_by["bp4d"], UNITS.coded_by["disfa"]


def face(source: str | None, name: str = "a") -> Sample:
    return Sample(id=name, media=Media(data=b"jpeg"), source=source, au_presence=MappingProxyType({12: 1.0}))


def test_faces_are_asked_about_what_their_source_codes() -> None:
    prompts = ("direct", "json", "definitions", "shuffled")
    for source, aus in (("bp4d", BP4D), ("disfa", DISFA), (None, UNITS.aus), ("of my own", UNITS.aus)):
        for question in UNITS.questions([face(source)], prompts):
            part = question.messages[0].parts[-1]
            assert isinstance(part, Text)
            assert sorted(map(int, question.choices)) == list(aus)
            words = part.text.replace("AU", "").replace(",", " ").replace(".", " ").replace(":", " ").split()
            assert {int(word) for word in words if word.isdigit()} == set(aus)
            if question.prompt == "json":
                assert question.schema is not None
                assert question.schema["properties"]["action_units"]["items"]["enum"] == list(aus)


def test_a_task_knows_itself_as_each_source_is_asked() -> None:
    assert UNITS.as_asked[0] is UNITS
    assert [task.aus for task in UNITS.as_asked[1:]] == list(UNITS.coded_by.values())
    assert UNITS.of_source("bp4d").of_source("disfa").aus == BP4D
    (plain,) = load_tasks("synth_action_units")
    assert plain.as_asked == (plain,)
    assert plain.of_source("bp4d") is plain


def test_what_a_source_is_asked_is_part_of_what_the_task_is() -> None:
    other = replace(UNITS, coded_by=MappingProxyType({**UNITS.coded_by, "bp4d": BP4D[1:]}))
    assert other.identity("direct").sha256 != UNITS.identity("direct").sha256
    assert other.identity("direct").prompts != UNITS.identity("direct").prompts
    (plain,) = load_tasks("synth_action_units")
    assert (
        plain.identity("direct").prompts["direct"]
        == (  # as it was before sources could be asked otherwise
            replace(plain, coded_by=MappingProxyType({})).identity("direct").prompts["direct"]
        )
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("bp4d: [1, 2,", "bp4d: [1, 3,", r"coded_by.bp4d.*must be some of `aus`"),
        ("bp4d: [1, 2,", "bp4d: [2, 1,", "in rising order"),
        ("bp4d: [1, 2,", "bp4d: [", None),
        ("    bp4d:", "    b p:", r"may hold letters, digits"),
        ("coded_by:", "codes_by:", "is not a field feab knows here"),
    ],
)
def test_mistakes_are_told(before: str, after: str, told: str | None, tmp_path: Path) -> None:
    assert UNITS.file is not None
    text = UNITS.file.read_text()
    assert before in text
    (tmp_path / "mine.yaml").write_text(text.replace(before, after).replace("feab_action_units", "mine"))
    (tmp_path / "_action_units.yaml").write_text((UNITS.file.parent / "_action_units.yaml").read_text())
    if told is None:
        assert load_tasks("mine", [tmp_path])[0].coded_by["bp4d"] == BP4D[2:]
    else:
        with pytest.raises(FeabError, match=told):
            load_tasks("mine", [tmp_path])


def test_only_tasks_of_action_units_have_it(tmp_path: Path) -> None:
    (task,) = load_tasks("feab_valence_arousal")
    assert task.file is not None
    (tmp_path / "mine.yaml").write_text(
        task.file.read_text().replace("  crop:", "  coded_by: {bp4d: [1]}\n  crop:").replace("feab_va", "mine_va")
    )
    (tmp_path / "_valence_arousal.yaml").write_text((task.file.parent / "_valence_arousal.yaml").read_text())
    with pytest.raises(FeabError, match="only tasks of kind action_units ask about AUs by source"):
        load_tasks("mine_valence_arousal", [tmp_path])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty people of two sources, each coded for its source's units."""
    rng = np.random.default_rng(1)
    rows = [
        {"id": f"f{n}", "image": b"x", "subject": f"p{n}", "source": source}
        | {f"au{au:02d}_presence": float(rng.random() < 0.5) for au in aus}
        for n in range(40)
        for source, aus in ((("bp4d", BP4D), ("disfa", DISFA))[n % 2],)
    ]
    info = DatasetInfo(
        name="two", version="1", splits={}, licence="CC0", images_may_be_shared=True, third_party="allowed",
        aus=list(UNITS.aus),
    )  # fmt: skip
    target = tmp_path_factory.mktemp("data") / "two"
    write_split(target, "test", rows, info)
    return target


def test_lm_eval_asks_and_scores_the_same(folder: Path) -> None:
    docs = lm_eval.dataset(
        kind="action_units",
        version="1",
        data=str(folder),
        split="test",
        aus=list(UNITS.aus),
        coded_by={source: list(aus) for source, aus in UNITS.coded_by.items()},
        prompts="synth_action_units",
    )["test"]
    rows = []
    for doc in docs:
        assert [int(option) for option in doc["options"]] == list(UNITS.coded_by[doc["source"]])
        asked = UNITS.of_source(doc["source"])
        assert doc["question"] == asked.prompt_text("direct", doc["id"])
        right = [au for au, value in zip(doc["aus"], doc["truth"], strict=True) if value == 1]
        rows.append(lm_eval.score_action_units(doc, [", ".join(map(str, right)) or "none"]))
    assert lm_eval.f1([row["f1"] for row in rows]) == 1.0


def test_wordings_of_an_ordinary_task_are_what_they_were() -> None:
    (plain,) = load_tasks("bp4d_action_units")
    assert isinstance(plain, Task)
    assert UNITS.of_source("bp4d").prompt_text("direct") == plain.prompt_text("direct")
