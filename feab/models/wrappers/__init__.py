"""Wrappers `Model -> Model`: what can be put around any adapter."""

from __future__ import annotations

from feab.models.wrappers.budget import BudgetReached, with_budget
from feab.models.wrappers.cache import CachedModel, with_cache
from feab.models.wrappers.cache_store import AnswerStore

__all__ = ["AnswerStore", "BudgetReached", "CachedModel", "with_budget", "with_cache"]
