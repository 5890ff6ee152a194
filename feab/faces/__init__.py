"""Rendered faces: a parametric head whose labels are known because the picture is made from them."""

from __future__ import annotations

from feab.faces.actions import AUS_RENDERED, FacsAction, Measures
from feab.faces.head import Head
from feab.faces.identity import AGE_GROUPS, ANCESTRY_PRESETS, GENDERS, Identity, draw_identity
from feab.faces.jpeg import encode_jpeg
from feab.faces.recipes import intensity_letter, intensity_value, measured_intensities
from feab.faces.scene import Scene, draw_scene

__all__ = [
    "AGE_GROUPS",
    "ANCESTRY_PRESETS",
    "AUS_RENDERED",
    "GENDERS",
    "FacsAction",
    "Head",
    "Identity",
    "Measures",
    "Scene",
    "draw_identity",
    "draw_scene",
    "encode_jpeg",
    "intensity_letter",
    "intensity_value",
    "measured_intensities",
]
