"""Annotating by several replicas: the same answers, and so the same annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from annotating import load_dataset, quick, write_faces

from feab.data.annotations import read_annotations
from feab.generation.annotate import annotate

SCRIPT = """
- prompt: "c*"
  texts:
    - '{"valence": 0.5, "arousal": 0.1, "action_units": [6, 12]}'
    - '{"valence": -0.6, "arousal": 0.5, "action_units": [4, 7]}'
  pick: sample
- {prompt: "v-*", text: '{"answer": "present"}'}
"""


def test_replicas_give_the_same_annotations(ray: Any, tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text(SCRIPT)
    faces = load_dataset(str(write_faces(tmp_path / "made", 3)))
    asks = {"unlabelled": 1.0, "provisional": 1.0, "most_contexts": 4, "price": 0.0}
    few = quick(calibration={"faces": 0, "per_expression": 0}, stopping=asks)
    model = f"mock/{tmp_path / 'script.yaml'}"
    alone, together = (
        annotate(model, faces, few, out=tmp_path / f"by-{replicas}", given=["expression"], replicas=replicas)
        for replicas in (None, 2)
    )
    assert together.complete
    assert together.manifest.machine["model"]["replicas"]["number"] == 2
    assert together.manifest.expected == alone.manifest.expected > 24 * 4
    assert list(read_annotations(together.file)) == list(read_annotations(alone.file))
    assert together.manifest.identity_sha256 == alone.manifest.identity_sha256
