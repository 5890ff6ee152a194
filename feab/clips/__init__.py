"""Clips: which of their frames a model is shown, and how those are had from stored pictures or a video file."""

from __future__ import annotations

from feab.clips.sampling import DEFAULT, ClipFacts, FrameSampling, chosen, parse_sampling
from feab.clips.showing import CLIP_COLUMNS, Shown, shown
from feab.clips.video import probe

__all__ = [
    "CLIP_COLUMNS",
    "DEFAULT",
    "ClipFacts",
    "FrameSampling",
    "Shown",
    "chosen",
    "parse_sampling",
    "probe",
    "shown",
]
