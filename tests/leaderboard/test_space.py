"""The folder of a Space: what is in it agrees with what was tested, and its app starts in an empty environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx2
import pytest
import yaml
from servers import call, free_port
from typer.testing import CliRunner

from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard import LocalStore, audit
from feab.leaderboard.space import build_space

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    found = [PIN.fullmatch(line) for line in lines]
    assert None not in found, lines
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match is not None}


def test_the_space_installs_what_was_tested() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("reads TOML")
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["leaderboard"]]
    needed = {NAME.match(line)[0].lower().replace("_", "-") for line in wanted}  # type: ignore[index]
    there, tested = pins(ROOT / "leaderboard" / "requirements.txt"), pins(ROOT / "constraints.txt")
    assert set(there) == needed
    assert {name: tested[name] for name in there} == there
    front = yaml.safe_load((ROOT / "leaderboard" / "README.md").read_text().split("---")[1])
    assert front["sdk_version"] == there["gradio"]
    assert (front["app_file"], front["hf_oauth"]) == ("app.py", True)


def wheel(folder: Path) -> Path:
    path = folder / "feab-0.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("feab_of_the_wheel.py", "")
    return path


def test_a_space_holds_app_wheel_and_results(tmp_path: Path) -> None:
    out = tmp_path / "space"
    done = CliRunner().invoke(app, ["leaderboard", "build", "--out", str(out), "--wheel", str(wheel(tmp_path))])
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {
        "app.py", "README.md", "requirements.txt", "results", "feab-0.0.0-py3-none-any.whl",
    }  # fmt: skip
    here = LocalStore(ROOT / "leaderboard" / "results").snapshot()
    there = LocalStore(out / "results").snapshot()
    assert there.submissions() == here.submissions()
    assert audit(there) == []
    with pytest.raises(FeabError, match="is there already"):
        build_space(out, wheel=wheel(tmp_path))
    with pytest.raises(FeabError, match="in a checkout"):
        build_space(tmp_path / "other", source=tmp_path, wheel=wheel(tmp_path))
    with pytest.raises(FeabError, match="is no wheel of feab"):
        build_space(tmp_path / "other", wheel=ROOT / "README.md")
    found = subprocess.run(
        [sys.executable, "-c", "import app; app.use_wheel_beside(); import feab_of_the_wheel"], cwd=out, check=False
    )
    assert found.returncode == 0


@pytest.mark.full
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
def test_a_space_starts_in_an_empty_environment(tmp_path: Path) -> None:
    out = tmp_path / "space"
    subprocess.run(
        [sys.executable, "-m", "feab.cli", "leaderboard", "build", "--out", str(out)], check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert len(list(out.glob("feab-*.whl"))) == 1
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    subprocess.run(install, cwd=out, check=True)
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FEAB", "VIRTUAL"))
    }
    environment |= {
        "SPACE_ID": "owner/board", "GRADIO_SERVER_PORT": str(port), "HOME": str(tmp_path),
        "FEAB_CACHE": str(tmp_path / "cache"), "FEAB_DATA": str(tmp_path / "data"),
    }  # fmt: skip
    process = subprocess.Popen([python, "app.py"], cwd=out, env=environment)
    try:
        url = f"http://127.0.0.1:{port}/"
        deadline = time.monotonic() + 240
        with httpx2.Client(timeout=120) as client:
            while True:
                try:
                    assert client.get(url).status_code == 200
                    break
                except httpx2.TransportError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.5)
            assert call(client, url, "about").result["identity"] == "none"
            rows = call(client, url, "table", "task=synth_expression").result["rows"]
    finally:
        process.kill()
        process.wait()
    assert {row["submission"] for row in rows} <= set(LocalStore(out / "results").snapshot().submissions())
    assert len(rows) > 3
