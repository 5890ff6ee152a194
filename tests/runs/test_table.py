"""The table: intervals, marks for few clusters, chance beside the score, and what is missing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from feab.runs.folder import Run
from feab.runs.identity import default_folder, differences, identity_sha256
from feab.runs.table import explanations, interval, missing_scores, notes, scores_table, sums
from feab.schemas import EstimateModel, Identity, OutcomeCounts, RunManifest, Scores, TaskScores


def shown(scores: Scores, width: int = 160) -> str:
    screen = Console(file=io.StringIO(), width=width, markup=False)
    screen.print(scores_table(scores))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def task(value: float | None = 0.5, clusters: int = 72, **more: object) -> TaskScores:
    interval = {"low": 0.45, "high": 0.55} if clusters >= 10 else {}
    fields: dict[str, object] = {
        "kind": "expression",
        "n": 1152,
        "coverage": 0.75,
        "outcomes": OutcomeCounts(ok=864, unparsable=280, refused=8),
        "primary": "macro_f1",
        "metrics": {"macro_f1": EstimateModel(value=value, clusters=clusters, **interval)},
        "chance": {"uniform": 0.125, "majority": 0.028},
        **more,
    }
    return TaskScores.model_validate(fields)


def test_a_row_holds_score_interval_chance_and_coverage() -> None:
    text = shown(Scores(tasks={"faces": task()}))
    for words in ("faces", "1,152", "macro-F1 0.500", "0.450 to 0.550", "0.125 uniform", "0.028 majority"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 80
    assert "*" not in text


def test_few_clusters_are_marked_and_very_few_have_no_interval() -> None:
    assert interval(EstimateModel(value=0.5, low=0.4, high=0.6, clusters=19)).endswith("*")
    assert not interval(EstimateModel(value=0.5, low=0.4, high=0.6, clusters=20)).endswith("*")
    assert interval(EstimateModel(value=0.5, clusters=9)) == interval(EstimateModel(value=None)) == "–"
    lines = notes(Run(Path("runs/x"), MANIFEST), Scores(tasks={"faces": task(clusters=9)}))
    assert lines[0] == "– no interval: it needs faces of at least 10 people (or videos)"


def test_scores_of_the_multi_task_challenge_are_added_up() -> None:
    names = {"expression": "macro_f1", "valence_arousal": "ccc", "action_units": "f1"}

    def three(group: str, *values: float | None) -> Scores:
        each = {
            f"{group}_{kind}": task(kind=kind, primary=name, metrics={name: EstimateModel(value=value)})
            for (kind, name), value in zip(names.items(), values, strict=True)
        }
        return Scores(tasks=each)

    whole = three("affwild2_mtl", 0.3, -0.1, 0.45)
    assert sums(whole) == {"affwild2_mtl": pytest.approx(0.65)}
    assert "P_MTL 0.650" in shown(whole, 80)
    assert any(line.startswith("P_MTL: affwild2_mtl's macro-F1") for line in explanations(whole))
    assert sums(three("affwild2_mtl", 0.3, None, 0.45)) == {}
    assert sums(three("synth", 0.3, 0.1, 0.45)) == {}
    assert "P_MTL" not in shown(Scores(tasks=dict(list(whole.tasks.items())[:2])))


def test_a_score_that_there_is_not_is_a_dash_with_its_reason() -> None:
    kinds = {"expression": "5 faces of one label", "valence_arousal": "differs", "action_units": "10 faces of at least"}
    for kind, why in kinds.items():
        scores = Scores(tasks={"faces": task(None, clusters=2, kind=kind, n=2, chance={})})
        assert "macro-F1 –" in shown(scores)
        first = notes(Run(Path("runs/x"), MANIFEST), scores)[0]
        assert first.startswith("– faces: no macro-F1 from 2 faces: needs")
        assert why in first
    nobody = Scores(tasks={"faces": task(None, clusters=0, n=0)})
    assert missing_scores(nobody) == ["– faces: no macro-F1 from 0 faces: no face was answered"]


def test_prompts_have_rows_when_there_are_several_and_overall_comes_last() -> None:
    scores = Scores(
        tasks={"faces": task(prompts={"direct": task(), "json": task(0.6)})},
        overall=EstimateModel(value=0.25, low=0.2, high=0.3, clusters=72),
    )
    text = shown(scores)
    assert text.index("  direct") < text.index("  json") < text.index("overall")
    assert "0.600" in text


def test_what_was_not_answered_is_said_below() -> None:
    scores = Scores(tasks={"faces": task(prompts={"direct": task()}, chance={"oracle-from-expression": 0.5})})
    manifest = MANIFEST.model_copy(update={"outcomes": OutcomeCounts(ok=100)})
    lines = notes(Run(Path("runs/x"), manifest), scores)
    assert lines == [
        "chance: scores of answers that do not depend on the face, from the same labels",
        "oracle: knows the expression without seeing the face, and nothing else",
        "faces, direct: 75.0% answered (280 unparsable, 8 refused)",
        "run folder: runs/x",
    ]
    assert "0.500 oracle" in shown(scores)


def test_the_longest_row_fits_a_terminal() -> None:
    wide = task(chance={"always-active": 0.5, "oracle-from-expression": 0.4}, clusters=12)
    text = shown(Scores(tasks={"synth_valence_arousal": wide}), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) == 3
    assert "synth_valence_arousal" in text
    assert "always-active" in text
    assert "0.450 to 0.550 *" in text


def test_the_ccc_within_expressions_stands_under_the_ccc() -> None:
    metrics = {
        "ccc": EstimateModel(value=0.712, low=0.68, high=0.74, clusters=72),
        "ccc_within": EstimateModel(value=0.213, low=0.15, high=0.27, clusters=72),
    }
    more = {"kind": "valence_arousal", "primary": "ccc", "metrics": metrics, "chance": {"oracle-from-expression": 0.6}}
    scores = Scores(tasks={"synth_valence_arousal": task(**more), "faces": task()})
    lines = shown(scores, width=80).splitlines()
    assert "CCC 0.712" in lines[1]
    assert lines[2].split() == ["within", "expressions", "CCC", "0.213", "0.150", "to", "0.270"]
    assert len(lines) == 5  # one row for the other task: it has no such score, and two players without eyes
    assert max(map(len, lines)) <= 80
    told = [line for line in notes(Run(Path("runs/x"), MANIFEST), scores) if line.startswith("within expressions: ")]
    assert len(told) == 1
    assert len(told[0]) <= 80
    assert not any("within" in line for line in notes(Run(Path("runs/x"), MANIFEST), Scores(tasks={"faces": task()})))


def test_names_are_taken_as_they_are() -> None:
    assert "[red]x[/red]" in shown(Scores(tasks={"[red]x[/red]": task()}))


IDENTITY = Identity(
    model="hf/some/model",
    adapter="hf",
    adapter_version="1",
    tasks={},
    prompts=["direct"],
    datasets={},
    sampling={"temperature": 0.0},
)

MANIFEST = RunManifest(
    identity=IDENTITY,
    identity_sha256="0" * 64,
    feab_version="0",
    created="2026",
    updated="2026",
    expected=100,
)


def test_an_incomplete_run_says_so() -> None:
    manifest = MANIFEST.model_copy(update={"outcomes": OutcomeCounts(ok=90, error=4)})
    scores = Scores(tasks={"faces": task(clusters=12)})
    lines = notes(Run(Path("runs/x"), manifest), scores)
    assert lines[0].startswith("* faces of fewer than 20 people")
    assert lines[2].startswith("INCOMPLETE: 10 of 100 answers are missing, 4 of them failed")
    assert lines[-1] == "run folder: runs/x"


def test_identity_names_the_folder_and_tells_what_differs() -> None:
    assert default_folder(IDENTITY, Path("runs")).parent == Path("runs/hf-some-model")
    assert len(default_folder(IDENTITY, Path("runs")).name) == 12
    odd = IDENTITY.model_copy(update={"model": "../../etc"})
    assert default_folder(odd, Path("runs")).parent == Path("runs/..-..-etc")
    dots = IDENTITY.model_copy(update={"model": ".."})
    assert ".." not in default_folder(dots, Path("runs")).parts
    other = IDENTITY.model_copy(update={"adapter_args": {"max_pixels": 9}, "limit": 3})
    assert identity_sha256(other) != identity_sha256(IDENTITY)
    assert identity_sha256(IDENTITY) == identity_sha256(IDENTITY.model_copy())
    assert differences(IDENTITY, other) == [
        "adapter_args: {} there, (none) here",
        "limit: null there, 3 here",
        "adapter_args.max_pixels: (none) there, 9 here",
    ]
