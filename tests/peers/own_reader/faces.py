"""The documents of faces_expression.yaml."""

from __future__ import annotations

from typing import Any

import datasets

from feab.tasks import load_tasks


def dataset(data: str, **metadata: Any) -> dict[str, datasets.Dataset]:
    """The rows of a dataset folder with what feab's `score_expression` reads; pictures are decoded with their row."""
    (task,) = load_tasks("synth_expression")
    question = task.prompt_text("direct")

    def document(row: dict[str, Any]) -> dict[str, Any]:
        said = {"kind": task.kind, "options": list(task.labels), "question": question}
        return {**said, "truth": row["expression"], "cluster": row["subject"]}

    found = datasets.load_dataset("parquet", data_files={"test": f"{data}/test.parquet"}, split="test")
    kept = found.select_columns(["id", "image", "expression", "subject", "source"])
    made = kept.map(document, remove_columns=["expression", "subject"]).cast_column("image", datasets.Image())
    return {"test": made}
