"""Faces that may be those of children: they are never shown, and sent to nobody."""

from __future__ import annotations

from feab.data.dataset import Dataset

MINORS: tuple[str, ...] = ("0-3", "4-19")
"""The age groups that can hold people under 18. A face without an age group is in none of them."""


def minors(data: Dataset) -> list[int]:
    """The rows of a dataset whose `age_group` is one of `MINORS`, in stored order."""
    labels = data.labels(["id", "age_group"])
    if "age_group" not in labels:
        return []
    return [row for row, group in enumerate(labels["age_group"].tolist()) if group in MINORS]
