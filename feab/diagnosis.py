"""What is installed and what is not, where things lie, and what stands in the way of a run.

Nothing heavy is imported and nothing is asked over the network: versions come from package metadata, a GPU from its
driver. No value of a key is read further than whether there is one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import feab
from feab.content import cache_home, data_home
from feab.errors import FeabError
from feab.packages import Wanted, build_of, missing_of, sha256_recorded, version_of, wanted_by
from feab.runs.execute import RUNS
from feab.runs.surroundings import git_state, machine
from feab.yamlfile import read_bytes

Status = Literal["ok", "note", "problem"]

EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "hf": "open models in transformers (hf/…), and the embedded feab-tiny",
        "vllm": "open models in vLLM, on GPUs",
        "ray": "one model on several machines",
        "video": "clips",
        "baselines": "face networks to compare with (baseline/…)",
        "train": "fine-tuning (feab train)",
        "lm-eval": "the same task files in lm-evaluation-harness, and its model classes here (lm-eval/…)",
        "leaderboard": "the leaderboard's page",
    }
)
"""Extra -> what it adds."""

KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "HF_TOKEN")
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

_ROOM = 200 * 2**20
"""Free bytes below which a run may not end well. Our choice."""

_WALK_S = 0.3
"""Seconds after which a folder's size is given as "more than"."""

_MOST_WEIGHTS = 64 * 2**20
"""Bytes that are read of the embedded model's weights; they have some six million."""

_EMBEDDED = "feab-tiny"
_NEEDED = (Wanted("torch", ""), Wanted("transformers", ">=5.0"), Wanted("safetensors", ""))
"""What the embedded model is loaded with."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    """What: "python", "extra hf", "FEAB_CACHE", ..."""
    status: Status
    says: str
    advice: str = ""
    """What to do about a problem, or how to have what is not there."""
    blocks: bool = False
    """Whether `feab run --model feab-tiny` cannot work because of it."""


def doctor(*, deep: bool = False) -> list[Finding]:
    """What is installed, what each extra adds, where data and caches lie, which keys and GPUs are seen.

    Args:
        deep: import torch as well and ask it for GPUs, and read all weights of which a sha256 is known, which takes
            seconds.
    """
    checks = (_ourselves, _machine, _requirements, _extras, _torch, _gpus, _places, _datasets, _embedded, _environment)
    found = [finding for check in checks for finding in check()]
    return [*found, *(finding for check in (_deep, _sums) for finding in check())] if deep else found


def _ourselves() -> Iterator[Finding]:
    commit, dirty = git_state()
    folder = Path(feab.__file__).resolve().parent
    state = f", commit {commit[:12]}{' with changes' if dirty else ''}" if commit else ""
    yield Finding("feab", "ok", f"{feab.__version__} in {folder}{state}")
    installed = version_of("feab")
    if installed is None:
        yield Finding("feab", "note", "is not installed as a package", "pip install -e . in its folder")
    elif installed != feab.__version__:
        says = f"the package's metadata say {installed}, the code says {feab.__version__}"
        yield Finding("feab", "note", says, "install it again: pip install --force-reinstall --no-deps feab")


def _machine() -> Iterator[Finding]:
    found = machine()
    python = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info < (3, 10):  # noqa: UP036  # a checkout can be run by any
        yield Finding("python", "problem", python, "feab needs Python 3.10 or newer", blocks=True)
    else:
        yield Finding("python", "ok", python)
    memory = f", {found['memory_gib']} GiB of memory" if "memory_gib" in found else ""
    words = f"{found['system']} {found['release']} on {found['machine']}, {found['cores']} cores{memory}"
    yield Finding("machine", "ok", words)


# ------------------------------------------------------------------------------------------------------------ packages


def _requirements() -> Iterator[Finding]:
    wanted = wanted_by("feab")
    if wanted is None:
        return  # which was said above
    lacking = missing_of(wanted)
    if lacking:
        advice = "install feab again: pip install feab"
        yield Finding("libraries", "problem", _lacks(lacking), advice, blocks=True)
    else:
        yield Finding("libraries", "ok", f"all {len(wanted)} that feab needs")


def _extras() -> Iterator[Finding]:
    for extra, adds in EXTRAS.items():
        wanted = wanted_by("feab", extra)
        if not wanted:
            continue
        lacking = missing_of(wanted)
        if not lacking:
            there = ", ".join(f"{one.name} {version_of(one.name)}" for one in wanted)
            yield Finding(f"extra {extra}", "ok", f"{adds}: {there}")
            continue
        yield Finding(f"extra {extra}", "note", f"{adds}: {_lacks(lacking)}", f"pip install 'feab[{extra}]'")


def _lacks(lacking: list[Wanted]) -> str:
    words = []
    for one in lacking:
        there = version_of(one.name)
        words.append(f"{one.name} is not installed" if there is None else f"{one.name} {there} is too old ({one.spec})")
    return ", ".join(words)


def _torch() -> Iterator[Finding]:
    torch, vision = version_of("torch"), version_of("torchvision")
    if torch is not None and vision is not None and build_of(torch) != build_of(vision):
        says = f"torchvision {vision} stands beside torch {torch}, which is another build: transformers cannot load"
        yield Finding("torchvision", "problem", says, "pip uninstall torchvision; feab does not need it", blocks=True)


# ---------------------------------------------------------------------------------------------------------------- GPUs


def _gpus() -> Iterator[Finding]:
    names = _nvidia()
    torch = version_of("torch")
    if names:
        yield Finding("GPU", "ok", ", ".join(names))
        if torch is not None and build_of(torch) == "cpu":
            advice = "install the build for your GPU: https://pytorch.org/get-started/locally/"
            yield Finding("GPU", "note", f"torch {torch} is built for CPUs and will not use it", advice)
    elif platform.system() == "Darwin" and platform.machine() == "arm64":
        yield Finding("GPU", "ok", "Apple's, which torch uses as mps")
    else:
        yield Finding("GPU", "note", "none seen; feab-tiny and API models need none")
    vllm = version_of("vllm")
    if vllm is not None:
        yield Finding("vLLM", "ok" if names else "note", vllm if names else f"{vllm}, but no GPU is seen")


def _nvidia() -> list[str]:
    """Names of NVIDIA GPUs as the driver tells them."""
    try:
        told = [path.read_text(encoding="utf-8") for path in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    except OSError:
        told = []
    names = [line.partition(":")[2].strip() for text in told for line in text.splitlines() if line.startswith("Model:")]
    program = shutil.which("nvidia-smi")
    if names or program is None:
        return names
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=3,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _deep() -> Iterator[Finding]:
    try:
        import torch
    except Exception as error:  # a broken installation raises nearly anything
        yield Finding("torch", "problem", f"cannot be imported: {str(error)[:300]}", "install it anew", blocks=True)
        return
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        yield Finding("torch", "ok", f"{torch.__version__}, sees {', '.join(names)}")
    elif torch.backends.mps.is_available():
        yield Finding("torch", "ok", f"{torch.__version__}, sees Apple's GPU")
    else:
        yield Finding("torch", "ok", f"{torch.__version__}, sees no GPU, computes on {torch.get_num_threads()} threads")


def _sums() -> Iterator[Finding]:
    """Weights against the sums that are known of them: those that were fetched, and where RECORD has it, our own."""
    from feab.models.cards import find_card
    from feab.models.packages import PACKAGES, folder_of, is_fetched

    for package in PACKAGES.values():
        if not folder_of(package).is_dir():
            continue
        about = f"baseline/{package.name}"
        if is_fetched(package):
            yield Finding(about, "ok", "its weights are, by their sha256, the pinned ones")
        else:
            says = f"its weights in {folder_of(package)} are not the pinned ones"
            yield Finding(about, "problem", says, f"feab models fetch {package.name}")
    card = find_card(_EMBEDDED)
    weights = None if card is None or card.path is None else card.path.parent / "model.safetensors"
    wanted = None if weights is None else sha256_recorded("feab", weights)
    if weights is None or wanted is None:
        return
    if weights.is_file() and hashlib.sha256(read_bytes(weights, _MOST_WEIGHTS)).hexdigest() == wanted:
        yield Finding(f"model {_EMBEDDED}", "ok", "its weights are, by their sha256, those that were installed")
    else:
        says = f"{weights} is not the file that was installed"
        yield Finding(f"model {_EMBEDDED}", "problem", says, "reinstall feab", blocks=True)


# -------------------------------------------------------------------------------------------------------------- places


def _places() -> Iterator[Finding]:
    yield _place("FEAB_DATA", data_home(), "prepared datasets")
    yield _place("FEAB_CACHE", cache_home(), "rendered faces, downloads")
    yield _place("./runs", RUNS, "run folders", needed=True)


def _place(name: str, path: Path, holds: str, *, needed: bool = False) -> Finding:
    where = path.expanduser().absolute()
    there = where
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        how = "give --out a folder that is" if needed else f"set {name} to a folder that is"
        return Finding(name, "problem" if needed else "note", f"{where} ({holds}) is not writable", how, blocks=needed)
    free = shutil.disk_usage(there).free
    size = _size(where) if where.is_dir() else "not made yet"
    says = f"{where} ({holds}): {size}, {_bytes(free)} free"
    if free < _ROOM:
        return Finding(name, "problem" if needed else "note", says, "make room on that disk", blocks=needed)
    return Finding(name, "ok", says)


def _size(folder: Path) -> str:
    """What the files of a folder take, as far as that is soon told. Links are not followed."""
    total, files, until = 0, 0, time.monotonic() + _WALK_S
    for above, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(above, name)).st_size  # noqa: PTH118
            except OSError:
                continue
            files += 1
        if time.monotonic() > until:
            return f"more than {files:,} files, {_bytes(total)}"
    return f"{files:,} files, {_bytes(total)}"


def _bytes(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError


def _datasets() -> Iterator[Finding]:
    from feab.data import list_datasets
    from feab.data.places import EMBEDDED

    entries = list_datasets()
    for entry in entries:
        if entry.info is None:
            yield Finding(f"dataset {entry.name}", "note", entry.error or "cannot be read", "feab validate says more")
        else:
            splits = ", ".join(f"{name} {split.n:,}" for name, split in entry.info.splits.items())
            yield Finding(f"dataset {entry.name}", "ok", f"{splits} faces")
    if not any(entry.embedded and entry.info for entry in entries):
        yield Finding(f"dataset {EMBEDDED}", "problem", "the embedded faces are missing", "reinstall feab", blocks=True)


def _embedded() -> Iterator[Finding]:
    from feab.models.cards import find_card
    from feab.models.weights import check_safetensors

    lacking = missing_of(_NEEDED)
    if lacking:
        how = "pip install 'feab[hf]'; without a GPU, the CPU build of torch is enough"
        yield Finding(f"model {_EMBEDDED}", "problem", _lacks(lacking), how, blocks=True)
    try:
        card = find_card(_EMBEDDED)
        if card is None or card.path is None:
            raise FeabError("its card is missing")
        check_safetensors(card.path.parent / "model.safetensors")
    except FeabError as error:
        yield Finding(f"model {_EMBEDDED}", "problem", str(error), "reinstall feab", blocks=True)
    else:
        if not lacking:
            yield Finding(f"model {_EMBEDDED}", "ok", "embedded, and its weights are whole")


# --------------------------------------------------------------------------------------------------------- environment


def _environment() -> Iterator[Finding]:
    given = [name for name in KEYS if os.environ.get(name, "").strip()]
    missing = [name for name in KEYS if name not in given]
    words = f"set: {', '.join(given) or 'none'}; not set: {', '.join(missing) or 'none'}"
    yield Finding("API keys", "ok" if given else "note", words, "" if given else "only models behind an API need one")
    for name in given:
        if os.environ[name] != os.environ[name].strip():
            yield Finding(name, "note", "begins or ends with white space", "a server may refuse it; set it again")
    offline = [name for name in OFFLINE if os.environ.get(name, "").strip().upper() in {"1", "ON", "YES", "TRUE"}]
    if offline:
        yield Finding("offline", "note", f"{', '.join(offline)}: nothing is fetched from the hub", "unset to download")
    proxies = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if proxies:
        yield Finding("proxies", "note", f"set: {', '.join(proxies)}")
