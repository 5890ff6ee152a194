"""Free text in, `Answer` out: what a model meant, or that it cannot be told."""

from __future__ import annotations

from feab.answers.parser import parse

__all__ = ["parse"]
