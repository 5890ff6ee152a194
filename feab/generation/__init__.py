"""SEKE: instruction data made by a model that annotates faces, human knowledge, and self-verification (SV-UAMC)."""

from __future__ import annotations
