"""Faces that move: clips of the parametric head, neutral–onset–apex–offset, whose peak frame is known.

A folder of its own: what lies here decides no pixel of the still pictures, and their renderer's fingerprint
(`feab.faces.shards`) does not cover it. Clips have one that covers both (`store.clip_fingerprint`).
"""

from __future__ import annotations

from feab.faces.moving.plans import CLIP_SPLITS, FPS, FRAMES, PlannedClip, clip_plans
from feab.faces.moving.store import clip_rows

__all__ = ["CLIP_SPLITS", "FPS", "FRAMES", "PlannedClip", "clip_plans", "clip_rows"]
