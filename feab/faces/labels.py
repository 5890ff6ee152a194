"""From what was drawn and measured to the columns of a dataset row."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.faces.actions import AUS_RENDERED
from feab.faces.recipes import intensity_value
from feab.faces.shots import RenderedFace
from feab.faces.synth import Planned, SplitSpec, identity_cell
from feab.faces.va_rule import valence_arousal
from feab.faces.visibility import visible
from feab.vocabulary import FEAB_17

GATE_FILE = Path(__file__).resolve().parent.parent / "data" / "synth" / "gate.json"
"""Which AUs passed the gate (a small CNN on other identities): {"coded": [AU numbers], ...}. Absent: all count."""


def coded_aus(path: Path = GATE_FILE) -> tuple[int, ...]:
    """The AUs that are coded on `synth`, in ascending order; all seventeen while no gate has been run.

    Raises:
        FeabError: when the file is there but does not hold a list of known AU numbers under "coded".
    """
    if not path.exists():
        return FEAB_17
    try:
        coded = json.loads(path.read_text(encoding="utf-8"))["coded"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise FeabError(f"{path}: not a gate result with a list 'coded': {err}") from err
    if not isinstance(coded, list) or not all(isinstance(au, int) and au in FEAB_17 for au in coded):
        raise FeabError(f"{path}: 'coded' must list AU numbers among {', '.join(map(str, FEAB_17))}, got {coded!r}")
    return tuple(sorted(set(coded)))


def seen_intensities(shot: RenderedFace) -> dict[int, int]:
    """AU -> intensity 0 to 5 for all seventeen AUs; what cannot be seen in the picture is at most a trace (1)."""
    found = dict.fromkeys(AUS_RENDERED, 0)
    for au, sides in shot.amounts.items():
        found[au] = intensity_value(au, max(sides))
    found[25], found[26] = intensity_value(25, shot.lip_gap), intensity_value(26, shot.chin_drop)
    if 26 not in shot.amounts and found[26] == 1:
        found[26] = 0  # the lower lip pulls the skin of the chin a little; where no jaw moved that is no trace of 26
    return visible(found, shot.changed)


def presence(intensity: int) -> float | None:
    """1 from B (2), 0 when absent, None for a trace (A): it is not scored."""
    return None if intensity == 1 else float(intensity >= 2)


def row(spec: SplitSpec, planned: Planned, shot: RenderedFace, coded: Collection[int]) -> dict[str, Any]:
    """One dataset row: the flat columns of the design, then the columns of `synth` alone.

    Valence and arousal follow from every AU that can be seen, coded or not. `amounts` is JSON: AU -> [left, right].
    """
    plan = planned.plan
    age, gender, preset = identity_cell(planned.identity)
    seen = seen_intensities(shot)
    valence, arousal = valence_arousal(seen)
    columns: dict[str, Any] = {
        "id": planned.id,
        "image": {"bytes": shot.jpeg, "path": None},
        "face": list(shot.face),
        "subject": f"{spec.name}-{planned.identity:04d}",
        "source": "synth",
        "expression": plan.expression,
        "valence": valence,
        "arousal": arousal,
    }
    for au in FEAB_17:
        columns[f"au{au:02d}_intensity"] = float(seen[au]) if au in coded else None
        columns[f"au{au:02d}_presence"] = presence(seen[au]) if au in coded else None
    return columns | {
        "age_group": age,
        "perceived_gender": gender,
        "ancestry_preset": preset,
        "attributes_source": "rendered",
        "identity": planned.identity,
        "strength": plan.strength,
        "form": plan.form,
        "free": plan.expression is None,
        "mini": planned.mini,
        "unilateral": _one_sided(shot.amounts, seen),
        "lip_gap": shot.lip_gap,
        "chin_drop": shot.chin_drop,
        "amounts": json.dumps({str(au): list(sides) for au, sides in shot.amounts.items()}),
    }


def _one_sided(amounts: Mapping[int, tuple[float, float]], seen: Mapping[int, int]) -> bool:
    return any(seen[au] >= 2 and min(sides) == 0 for au, sides in amounts.items())
