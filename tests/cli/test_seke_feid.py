"""`feab seke feid`, `feab seke report`, `feab validate` of a FEID: what is printed, and how they exit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parent.parent / "generation"))

from seke_folder import make_folder

from feab.cli import app
from feab.cli.seke_feid import plan_of
from feab.errors import FeabError
from feab.generation.instructions import Plan


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("seke"), 14)


def feab_cli(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_feid_is_made_validated_and_refused_when_broken(annotated: Path, tmp_path: Path) -> None:
    out = tmp_path / "feid"
    done = feab_cli("seke", "feid", annotated, "--out", out, "--kinds", "coarse,choice=2", "--formats", "none")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["coarse", "12"]
    assert done.stdout.splitlines()[1].split() == ["choice", "24"]
    assert done.stdout.splitlines()[-1] == f"FEID: {out}"
    good = feab_cli("validate", out)
    assert good.exit_code == 0
    assert good.stdout == f"{out}: FEID feid, 36 conversations: ok\n"
    (out / "data" / "train-00000-of-00001.parquet").unlink()
    bad = feab_cli("validate", out)
    assert bad.exit_code == 2
    assert "cannot be read as Parquet" in bad.stdout


def test_rewriting_says_what_was_taken(annotated: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text('answers: [{text: "The face displays fear."}]')
    words = ("seke", "feid", annotated, "--out", tmp_path / "feid", "--kinds", "coarse", "--formats", "none")
    done = feab_cli(*words, "--rewrite", f"mock/{script}")
    assert done.exit_code == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("rewritten"))
    assert "of 12 answers" in line
    assert "contradicted" in line
    assert "rewriting: " in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--kinds", "poems"), "known are coarse"),
        (("--kinds", "coarse,coarse"), "told twice"),
        (("--kinds", "coarse=many"), "write a whole number"),
        (("--kinds", "coarse=99"), "0 to 20"),
        (("--formats", "csv"), "known are llava, ferid"),
        (("--formats", "none,llava"), "not both"),
        (("-M", "a=b"), "goes with --rewrite"),
        (("--max-cost", "1"), "goes with --rewrite"),
        (("--i-have-permission", "me"), "goes with --rewrite"),
        (("--data", "nothing-of-the-kind"), "no dataset"),
    ],
)
def test_wrong_use_is_answered_with_what_can_be_said(
    annotated: Path, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    done = feab_cli("seke", "feid", annotated, "--out", tmp_path / "feid", *words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert not (tmp_path / "feid" / "feid.json").exists()


def test_plans_are_read() -> None:
    assert plan_of([]) is None
    assert plan_of(["coarse, choice", "fine=4"]) == Plan(1, 0, 4, 0, 0, 3, 0, 0)
    with pytest.raises(FeabError, match="known are coarse"):
        plan_of(["benchmark"])


def test_a_report_is_written(annotated: Path, tmp_path: Path) -> None:
    done = feab_cli("seke", "report", annotated, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"report: {tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").stat().st_size > 10_000
    assert feab_cli("seke", "report", tmp_path).exit_code == 2


def test_help_shows_both() -> None:
    done = feab_cli("seke", "--help")
    assert done.exit_code == 0
    assert {"annotate", "feid", "report"} <= set(done.stdout.split())
