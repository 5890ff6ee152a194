"""Every verb: exit status, what goes to stdout and what to stderr, and that hostile text stays text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import Result
from faces_folder import make_faces, make_script, picture
from rich.console import Console
from typer.testing import CliRunner

import feab
from feab.cli import app
from feab.cli.listing import show_tasks
from feab.cli.output import clean

HOSTILE = "\x1b[31mred\x1b[0m [bold]x[/bold] [/] \x9b2J \u202egnp.exe \r\x07 :smile: [link=file:///etc]y[/link]"


def feab_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_run_prints_a_table_and_the_folder(faces: Path, script: Path, tmp_path: Path) -> None:
    done = feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.stderr
    for words in (
        "made_expression",
        "macro-F1",
        "95 % interval",
        "chance",
        "uniform",
        "no interval: it needs faces of at least 10",
    ):
        assert words in done.stdout
    assert f"run folder: {tmp_path / 'run'}" in done.stdout
    assert "made_action_units: 30/30" in done.stderr
    assert "AU F1 0." in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_json_is_all_there_is_on_stdout(faces: Path, script: Path, tmp_path: Path) -> None:
    run = ("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run", "--json")
    done = feab_cli(*run)
    assert json.loads(done.stdout) == json.loads((tmp_path / "run" / "scores.json").read_text())
    assert done.exit_code == 0
    again = feab_cli(*run)
    assert "84 answers are there" in again.stderr
    assert again.stdout == done.stdout
    scored = feab_cli("score", tmp_path / "run", "--data", faces, "--json")
    assert scored.exit_code == 0
    assert scored.stdout == done.stdout


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_few_faces_give_dashes_and_reasons(faces: Path, script: Path, tmp_path: Path, limit: int) -> None:
    run = ("run", "--model", f"mock/{script}", "--data", faces, "--limit", limit, "--out", tmp_path / "run")
    done = feab_cli(*run)
    scored = feab_cli("score", tmp_path / "run", "--data", faces)
    as_json = feab_cli(*run, "--json")
    assert (done.exit_code, scored.exit_code, as_json.exit_code) == (0, 0, 0)
    assert f"{scored.stdout}report: {tmp_path / 'run' / 'report.html'}\n" == done.stdout
    assert json.loads(as_json.stdout)["tasks"]["made_action_units"]["metrics"]["f1"]["value"] is None
    for words in (done.stdout, as_json.stderr):
        assert "needs at least 5 faces of one label" in words
        assert "needs an AU on at least 10 faces of at least 5 people" in words
        assert ("needs faces whose valence differs" in words) == (limit == 1)
        assert "nan" not in words.lower()
    assert "macro-F1 –" in done.stdout
    assert max(map(len, done.stdout.splitlines()[:4])) <= 80


def test_a_failure_makes_the_run_incomplete_and_the_same_command_mends_it(faces: Path, tmp_path: Path) -> None:
    script = make_script(tmp_path, 'answers: [{sample: "*_0", error: {kind: timeout}}, {text: anger}]')
    command = ("--data", faces, "--tasks", "synth_expression", "--out", tmp_path / "run")
    done = feab_cli("run", "--model", f"mock/{script}", *command)
    assert done.exit_code == 3
    assert "INCOMPLETE: 3 of 24 answers are missing, 3 of them failed" in done.stdout
    as_json = feab_cli("score", tmp_path / "run", "--data", faces, "--json")
    assert as_json.exit_code == 3
    assert json.loads(as_json.stdout)["complete"] is False
    assert "INCOMPLETE" in as_json.stderr
    again = feab_cli("run", "--model", f"mock/{script}", *command)
    assert "asking 3 failed questions again" in again.stderr


def test_a_run_that_stops_exits_incomplete(faces: Path, tmp_path: Path) -> None:
    script = make_script(tmp_path, 'answers: [{error: {kind: http_400, message: "[red]no[/red] \\e[31m"}}]')
    done = feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run")
    assert done.exit_code == 3
    assert "http_400: [red]no[/red] [31m" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "no-such"], "unknown model 'no-such'"),
        (["--model", "SCRIPT", "--tasks", "nothing"], "unknown task 'nothing'"),
        (["--model", "SCRIPT", "--prompts", "loud"], "has no prompt 'loud'"),
        (["--model", "SCRIPT", "--data", "/nowhere"], "no dataset '/nowhere'"),
        (["--model", "SCRIPT", "-M", "speed"], "-M speed: write KEY=VALUE"),
        (["--model", "SCRIPT", "-M", "speed=9"], "speed"),
        (["--model", "SCRIPT", "-M", "limit=9"], "-M limit: is an option of its own"),
        (["--model", "SCRIPT", "--include", "/nowhere"], "no such folder"),
        (["--model", "SCRIPT", "--limit", "0"], "limit"),
        (["--limit", "3"], "--model"),
        (["--model", "SCRIPT", "--colour", "red"], "--colour"),
    ],
)
def test_bad_use_exits_2_without_a_traceback(
    arguments: list[str], says: str, faces: Path, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [argument.replace("SCRIPT", f"mock/{script}") for argument in arguments]
    done = feab_cli("run", *(["--data", str(faces)] if "--data" not in given else []), *given)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_lists_are_comma_separated_and_repeatable(faces: Path, script: Path, tmp_path: Path) -> None:
    tasks = ("--tasks", "synth_expression,synth_valence_arousal", "--tasks", "synth_action_units")
    prompts = ("--prompts", "direct", "--prompts", "json,shuffled")
    done = feab_cli(
        "run", "-m", f"mock/{script}", "--data", faces, *tasks, *prompts, "--limit", 4, "--out", tmp_path / "run"
    )
    assert done.exit_code == 0, done.stderr
    assert feab.load_run(tmp_path / "run").manifest.expected == 3 * 3 * 4
    for words in ("  direct", "  json", "  shuffled"):
        assert words in done.stdout


def test_ask_tells_the_three_answers_and_the_raw_text(script: Path, tmp_path: Path) -> None:
    face = tmp_path / "face[red].jpg"
    face.write_bytes(picture(1))
    script.write_text(
        "answers:\n"
        f"  - {{task: synth_expression, text: {json.dumps('anger ' + HOSTILE)}}}\n"
        "  - {task: synth_valence_arousal, text: 'valence: -0.5, arousal: 0.25'}\n"
        "  - {task: synth_action_units, text: '4, 23'}\n"
    )
    done = feab_cli("ask", "--model", f"mock/{script}", face)
    assert done.exit_code == 0, done.stderr
    assert "face[red].jpg" in done.stdout
    assert "expression: anger" in done.stdout
    assert "valence, arousal: -0.50, +0.25" in done.stdout
    assert "AU4 brow lowerer, AU23 lip tightener" in done.stdout
    assert "| anger [31mred[0m [bold]x[/bold] [/]" in done.stdout  # markup and escapes are only letters here
    assert not set(done.stdout) & set("\x1b\x9b\u202e\r\x07")
    assert ":smile: [link=file:///etc]y[/link]" in done.stdout
    as_json = feab_cli("ask", "--model", f"mock/{script}", face, face, "--json")
    said = json.loads(as_json.stdout)
    assert [one["answer"] for one in said[:3]] == ["anger", {"valence": -0.5, "arousal": 0.25}, [4, 23]]
    assert said[0]["text"] == "anger " + HOSTILE
    assert len(said) == 6
    assert not set(as_json.stdout) & set("\x1b\x9b\u202e\r\x07")


def test_ask_refuses_what_is_no_picture_and_exits_3_on_failure(tmp_path: Path, script: Path) -> None:
    (tmp_path / "face.jpg").write_text("not a picture")
    done = feab_cli("ask", "--model", f"mock/{script}", tmp_path / "face.jpg")
    assert done.exit_code == 2
    assert "not a picture that can be read" in done.stderr
    assert feab_cli("ask", "--model", f"mock/{script}", tmp_path / "absent.jpg").exit_code == 2
    (tmp_path / "face.jpg").write_bytes(picture(2))
    script.write_text("answers: [{error: {kind: timeout, message: late}}]")
    failed = feab_cli("ask", "--model", f"mock/{script}", tmp_path / "face.jpg", "--tasks", "synth_expression")
    assert failed.exit_code == 3
    assert "expression: failed (timeout: late)" in failed.stdout


def test_listings_are_tab_separated_where_a_program_reads() -> None:
    tasks = feab_cli("tasks")
    assert tasks.exit_code == 0
    names = [line.split("\t")[0] for line in tasks.stdout.splitlines()]
    assert {"synth_expression", "synth_valence_arousal", "synth_action_units", "synth"} <= set(names)
    models = feab_cli("models")
    assert models.exit_code == 0
    assert "baseline/uniform" in models.stdout
    assert "mock/" in models.stderr


@pytest.mark.parametrize(("width", "paragraphs"), [(60, True), (260, False)])
def test_listings_keep_words_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, width: int, paragraphs: bool
) -> None:
    screen = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    monkeypatch.setattr("feab.cli.output.console", lambda: screen)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    show_tasks([])
    assert isinstance(screen.file, io.StringIO)
    lines = [line.rstrip() for line in screen.file.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    for word in ("synth_valence_arousal", "definitions,", "rule-derived"):
        assert any(word in one for one in words)
    assert ("  prompts: direct, json, definitions, reason, shuffled" in lines) == paragraphs
    assert any(line.split()[:2] == ["name", "kind"] for line in lines) != paragraphs


def test_the_list_of_verbs_is_not_cut_off() -> None:
    text = feab_cli("--help").stdout
    assert "Ask about pictures of your own" in text
    assert "..." not in text.partition("Commands:")[2]


def test_data_verbs(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(faces.parent))
    listed = feab_cli("data", "list")
    assert "made\ttest 30\ta licence of ours\tallowed" in listed.stdout
    info = feab_cli("data", "info", faces)
    assert "faces" in info.stdout
    assert "30" in info.stdout
    assert "anger 3" in info.stdout
    assert "AU12" in info.stdout
    as_json = feab_cli("data", "info", "made", "--json")
    assert json.loads(as_json.stdout)["name"] == "made"
    sheet = tmp_path / "sheet.png"
    shown = feab_cli("data", "show", faces, "--out", sheet, "-n", 9)
    assert shown.exit_code == 0, shown.stderr
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert feab_cli("data", "info", "absent").exit_code == 2


def test_faces_that_the_licence_keeps_private_are_not_shown(tmp_path: Path) -> None:
    made = make_faces(tmp_path / "made", people=1)
    info = json.loads((made / "dataset.json").read_text())
    (made / "dataset.json").write_text(json.dumps({**info, "images_may_be_shared": False}))
    shown = feab_cli("data", "show", made, "--out", tmp_path / "sheet.png")
    assert shown.exit_code == 2
    assert "a licence of ours" in shown.stderr
    assert not (tmp_path / "sheet.png").exists()
    assert feab_cli("data", "show", made, "--private", "--out", tmp_path / "sheet.png").exit_code == 0
    assert (tmp_path / "sheet.png").exists()


def test_render_makes_a_dataset_and_does_nothing_twice(tmp_path: Path) -> None:
    command = ("data", "render", "--identities", 1, "--seed", 9, "--size", 64, "--workers", 1, "--out", tmp_path / "f")
    done = feab_cli(*command)
    assert done.exit_code == 0, done.stderr
    assert "24 faces" in done.stderr
    before = (tmp_path / "f" / "test.parquet").stat().st_mtime_ns
    assert feab_cli(*command).exit_code == 0
    assert (tmp_path / "f" / "test.parquet").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "verb",
    [
        "run",
        "score",
        "ask",
        "tasks",
        "models",
        "train",
        "data list",
        "data info",
        "data show",
        "data render",
        "data prepare",
        "data mimic",
    ],
)
def test_every_help_has_an_example(verb: str) -> None:
    done = feab_cli(*verb.split(), "--help")
    assert done.exit_code == 0
    assert "Example" in done.stdout
    assert f"feab {verb}" in done.stdout


def test_version() -> None:
    assert feab_cli("--version").stdout.splitlines()[0] == f"feab {feab.__version__}"


def test_clean_leaves_letters_and_takes_controls() -> None:
    assert clean("ünï 顔 👩‍🚀\n\tx") == "ünï 顔 👩‍🚀\n\tx"
    assert clean("a\x1b]0;title\x07b\x00\x7f\x85\u2066\ud800c") == "a]0;titlebc"
