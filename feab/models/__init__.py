"""Who is asked: model cards, the one protocol every adapter speaks, and the adapters themselves.

Importing this package imports no adapter: torch, transformers and the like load when a model of theirs is loaded.
"""

from __future__ import annotations

from feab.models.cards import ModelCard, Price, list_models
from feab.models.loading import load_model, providers
from feab.models.protocol import Model, ModelInfo

__all__ = ["Model", "ModelCard", "ModelInfo", "Price", "list_models", "load_model", "providers"]
