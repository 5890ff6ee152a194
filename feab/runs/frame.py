"""What every page of feab's brings along: its style, its script, and the hash by which alone the script may run."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import feab

_HERE = Path(__file__).parent


def frame() -> dict[str, Any]:
    """The values that `feab/plots/frame.html.j2` takes, whatever the page: script, script_hash, style, version."""
    from markupsafe import Markup

    script = (_HERE / "report.js").read_text(encoding="utf-8")
    colours, rules = styles()
    return {
        "script": Markup(script),  # noqa: S704 - our own file
        "style": Markup(colours + rules),  # noqa: S704 - our own file
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        "version": feab.__version__,
    }


def styles() -> tuple[str, str]:
    """The colours of feab's pages, light and dark, and their style sheet."""
    colours, rules = ((_HERE / name).read_text(encoding="utf-8") for name in ("colours.css", "report.css"))
    return colours, rules
