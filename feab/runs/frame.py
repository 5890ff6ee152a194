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

    script, style = ((_HERE / name).read_text(encoding="utf-8") for name in ("report.js", "report.css"))
    return {
        "script": Markup(script),  # noqa: S704 - our own file
        "style": Markup(style),  # noqa: S704 - our own file
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        "version": feab.__version__,
    }
