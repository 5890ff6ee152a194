"""What `-M`, `--seed` and Ctrl-C mean to each verb."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import feab
from feab.cli.app import app
from feab.cli.asking import OPTIONS
from feab.cli.run import parse_arguments
from feab.errors import FeabError
from feab.models.baseline import BaselineModel
from feab.records import Completion, Question


def feab_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def picture(faces: Path, tmp_path: Path) -> Path:
    from feab.data import load_dataset

    path = tmp_path / "face.jpg"
    path.write_bytes(load_dataset(faces)[0].media.read())
    return path


def test_arguments_are_text_for_the_adapter_to_convert() -> None:
    given = ["a=4", "b=0.5", "c=true", "d=text", "e=[1, 2]", "f=a=b", "g=", "x=2024-13-45", "revision=1234567"]
    found = parse_arguments(given)
    assert list(found.items()) == [tuple(pair.split("=", 1)) for pair in given]
    for wrong, says in ((["a=1", "a=2"], "given twice"), (["a b=1"], "write KEY=VALUE"), (["a"], "write KEY=VALUE")):
        with pytest.raises(FeabError, match=says):
            parse_arguments(wrong)


@pytest.mark.parametrize(
    ("key", "run", "ask"),
    [
        ("seed", "an option of its own, --seed", "an option of its own, --seed"),
        ("permission", "an option of its own, --i-have-permission", None),
        ("limit", "an option of its own, --limit", None),
        ("progress", "is no argument of a model", None),
        ("prompts", "an option of its own, --prompts", "an option of its own, --prompts"),
    ],
)
def test_an_option_is_named_only_where_there_is_one(key: str, run: str, ask: str | None) -> None:
    with pytest.raises(FeabError, match=f"-M {key}: .*{run}"):
        parse_arguments([f"{key}=1"])
    if ask is None:
        assert parse_arguments([f"{key}=1"], OPTIONS) == {key: "1"}
    else:
        with pytest.raises(FeabError, match=f"-M {key}: .*{ask}"):
            parse_arguments([f"{key}=1"], OPTIONS)


def test_every_option_that_a_hint_names_is_there() -> None:
    from feab.cli.run import OPTIONS as OF_RUN

    for verb, options in (("run", OF_RUN), ("ask", OPTIONS)):
        told = feab_cli(verb, "--help").stdout
        assert all(option in told for option in options.values() if option is not None)


@pytest.mark.parametrize("argument", ["x=2024-13-45", "name=1", "include_=2", "permission=3"])
def test_an_unknown_argument_is_answered_with_the_valid_ones(argument: str, picture: Path, script: Path) -> None:
    done = feab_cli("ask", "-m", f"mock/{script}", picture, "-M", argument)
    assert done.exit_code == 2
    assert f"{argument.split('=')[0]}: not an argument" in done.stderr
    assert "delay_s" in done.stderr
    assert "\n  seed " not in done.stderr


def test_text_is_converted_by_the_adapter() -> None:
    from feab.models import load_model
    from feab.models.hf import HfOptions
    from feab.models.loading import parse_options

    given = parse_arguments(["expressions=fear, anger", "valence=0.5", "arousal=-1e-1", "action_units=6"])
    arguments = dict(load_model("baseline/majority", **given).info.args_that_change_answers)
    assert arguments == {"expressions": ["fear", "anger"], "valence": 0.5, "arousal": -0.1, "action_units": [6]}
    several = load_model("baseline/majority", **parse_arguments(["action_units=6,12"]))
    assert several.info.args_that_change_answers["action_units"] == [6, 12]
    given = parse_arguments(["revision=1234567", "batch_size=4", "trust_remote_code=true", "max_pixels=262144"])
    hf = parse_options(HfOptions, given, "hf")
    assert (hf.revision, hf.batch_size, hf.trust_remote_code, hf.max_pixels) == ("1234567", 4, True, 262144)
    assert parse_options(HfOptions, {"batch_size": "auto"}, "hf").batch_size == "auto"
    for wrong in ("max_pixels=2024-13-45", "trust_remote_code=perhaps", "batch_size=0"):
        with pytest.raises(FeabError, match=wrong.split("=")[0]):
            parse_options(HfOptions, parse_arguments([wrong]), "hf")


@pytest.mark.parametrize("model", ["baseline/uniform", "mock"])
def test_the_seed_of_a_run_draws_anew(model: str, faces: Path, tmp_path: Path) -> None:
    if model == "mock":
        (tmp_path / "m.yaml").write_text("answers: [{texts: [anger, fear, sadness, neutral], pick: sample}]")
        model = f"mock/{tmp_path / 'm.yaml'}"
    texts = {}
    for folder, seed in (("a", 0), ("b", 1), ("c", 1)):
        done = feab_cli(
            *("run", "-m", model, "--data", faces, "--seed", seed, "--tasks", "synth_expression"),
            *("--out", tmp_path / folder),
        )
        assert done.exit_code == 0, done.stderr
        run = feab.load_run(tmp_path / folder)
        texts[folder] = {p.sample: p.text for p in run.predictions()}
        assert "seed" not in run.manifest.identity.adapter_args
    assert texts["a"] != texts["b"] == texts["c"]


def test_ask_takes_a_seed(picture: Path) -> None:
    said = set()
    for seed in range(8):
        done = feab_cli(
            "ask", "-m", "baseline/uniform", picture, "--tasks", "synth_valence_arousal", "--seed", seed, "--json"
        )
        said.add(json.loads(done.stdout)[0]["text"])
    assert len(said) == 8


def interrupted(self: BaselineModel, questions: Iterable[Question]) -> Iterator[Completion]:
    raise KeyboardInterrupt
    yield


def test_ctrl_c_promises_to_go_on_only_where_it_does(
    faces: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaselineModel, "generate", interrupted)
    done = feab_cli("ask", "-m", "baseline/uniform", picture)
    assert done.exit_code == 130
    assert done.stderr.strip() == "Interrupted."
    done = feab_cli("run", "-m", "baseline/uniform", "--data", faces, "--out", tmp_path / "run")
    assert done.exit_code == 130
    assert "The same command goes on from there." in done.stderr

    def rows(*_: object, on_progress: object, **__: object) -> Iterator[dict[str, object]]:
        assert callable(on_progress)
        on_progress(1, 24)
        raise KeyboardInterrupt
        yield {}

    monkeypatch.setattr("feab.faces.render_split.render_rows", rows)
    done = feab_cli("data", "render", "--identities", 1, "--seed", 9, "--out", tmp_path / "faces")
    assert done.exit_code == 130
    assert "The same command goes on from there." in done.stderr


def test_train_lists_the_recipes_it_knows() -> None:
    done = feab_cli("train", "nope")
    assert done.exit_code == 2
    assert "known are emo-llava-1.5-7b, " in done.stderr
    assert ", tiny, or give a recipe's path" in done.stderr


@pytest.mark.parametrize("name", ["mock/" + "x" * 200, "mock/a<b>.yaml", "hf/<x>"])
def test_a_name_that_no_manifest_can_hold_is_refused_before_anything_is_loaded(
    name: str, faces: Path, tmp_path: Path
) -> None:
    done = feab_cli("run", "-m", name, "--data", faces, "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert "1 to 200 characters" in done.stderr
    assert not (tmp_path / "run").exists()
