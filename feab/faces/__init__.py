"""Rendered faces: a parametric head whose labels are known because the picture is made from them."""

from __future__ import annotations

from feab.faces.actions import AUS_RENDERED, FacsAction, Measures
from feab.faces.head import Head
from feab.faces.identity import AGE_GROUPS, ANCESTRY_PRESETS, GENDERS, Identity, draw_identity
from feab.faces.jpeg import encode_jpeg
from feab.faces.recipes import intensity_letter, intensity_value, measured_intensities
from feab.faces.render_split import render_rows
from feab.faces.scene import Scene, draw_scene
from feab.faces.sheets import contact_sheet, single_au_sheet
from feab.faces.synth import SPLITS, SplitSpec
from feab.faces.va_rule import valence_arousal

__all__ = [
    "AGE_GROUPS",
    "ANCESTRY_PRESETS",
    "AUS_RENDERED",
    "GENDERS",
    "SPLITS",
    "FacsAction",
    "Head",
    "Identity",
    "Measures",
    "Scene",
    "SplitSpec",
    "contact_sheet",
    "draw_identity",
    "draw_scene",
    "encode_jpeg",
    "intensity_letter",
    "intensity_value",
    "measured_intensities",
    "render_rows",
    "single_au_sheet",
    "valence_arousal",
]
