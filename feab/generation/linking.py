"""What the knowledge tables say of how the levels of one face go together: typical, unusual, lacking, near or far."""

from __future__ import annotations

from dataclasses import dataclass

from feab.data.feid.record import FeidLabels
from feab.knowledge import Displays, load_anchors, load_displays, load_loadings

COMMON = 0.5
"""P(AU | expression) from which an absent unit is worth telling (our choice)."""

SPREADS = 2.0
"""Standard deviations from an expression's place within which valence and arousal are usual for it (our choice)."""

CLEAR = 0.1
"""Least loading of a unit on valence of which is told which way it points (our choice)."""

Said = tuple[str, tuple[int, ...]]
"""A list of wordings of `correlation.yaml`, and the action units that it is about."""


@dataclass(frozen=True, slots=True)
class Linking:
    """Which tables are quoted: as `feab.knowledge` names them."""

    theory: str = "du2014"
    anchors: str = "words"
    loadings: str = "rule"

    @property
    def displays(self) -> Displays:
        """P(AU | expression) of the theory."""
        return load_displays(self.theory)

    def movements(self, labels: FeidLabels) -> list[Said]:
        """What is to be said of the action units; every one that is present is named once."""
        present = labels.action_units or frozenset()
        if not present:
            return [("still", ())]
        if labels.expression is None:
            return [("movements", tuple(sorted(present)))]
        row = self.displays.table[labels.expression]
        typical = tuple(au for au in sorted(present) if row[au].named)
        beyond = tuple(au for au in sorted(present) if not row[au].named)
        lacking = tuple(au for au in sorted(labels.coded - present) if row[au].named and row[au].value >= COMMON)
        return [(name, aus) for name, aus in (("typical", typical), ("beyond", beyond), ("lacking", lacking)) if aus]

    def affect(self, labels: FeidLabels) -> list[Said]:
        """What is to be said of valence and arousal beside the expression, or without it beside the action units."""
        if labels.valence_arousal is None:
            return []
        if labels.expression is not None:
            return [("near" if self._near(labels.expression, labels.valence_arousal) else "far", ())]
        loadings = load_loadings(self.loadings)
        known = [au for au in sorted(labels.action_units or ()) if au in loadings]
        raises = tuple(au for au in known if loadings[au].valence >= CLEAR)
        lowers = tuple(au for au in known if loadings[au].valence <= -CLEAR)
        return [(name, aus) for name, aus in (("raises", raises), ("lowers", lowers)) if aus]

    def _near(self, expression: str, affect: tuple[float, float]) -> bool:
        anchor = load_anchors(self.anchors)[expression]
        away = ((affect[0] - anchor.valence) / anchor.valence_sd, (affect[1] - anchor.arousal) / anchor.arousal_sd)
        return max(map(abs, away)) <= SPREADS
