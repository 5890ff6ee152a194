"""Wrappers `Model -> Model`: what can be put around any adapter."""

from __future__ import annotations

from feab.models.wrappers.budget import BudgetReached, with_budget
from feab.models.wrappers.cache import CachedModel, with_cache
from feab.models.wrappers.cache_store import AnswerStore
from feab.models.wrappers.replicas import ReplicasLost, load_replicas

__all__ = ["AnswerStore", "BudgetReached", "CachedModel", "ReplicasLost", "load_replicas", "with_budget", "with_cache"]
