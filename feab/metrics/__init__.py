"""Arrays in, numbers out: scores with 95 % intervals, chance levels, and the overall score.

`expression_scores`, `valence_arousal_scores` and `action_unit_scores` score one task. Behind them stand the
`*_sums`, sums per cluster of faces that can be scored (`estimates`), combined over tasks (`overall`) and compared
between models without touching the answers again. How the rules were chosen is said where they are applied; "truth"
is always the label, never what a person felt.
"""

from feab.metrics.action_units import action_unit_detail, action_unit_scores, action_unit_sums
from feab.metrics.beside import Beside, beside, overall_beside
from feab.metrics.calibration import (
    action_unit_calibration_sums,
    action_unit_reliability,
    expression_calibration_sums,
    expression_reliability,
)
from feab.metrics.chance import action_unit_chance, expression_chance, oracle_from_expression, valence_arousal_chance
from feab.metrics.comparing import (
    Difference,
    difference,
    differences,
    holm,
    overall_difference,
    same_faces,
)
from feab.metrics.expression import expression_detail, expression_scores, expression_sums
from feab.metrics.intervals import FEW_CLUSTERS, MIN_CLUSTERS, Estimate, estimates
from feab.metrics.overall import chance_corrected, overall
from feab.metrics.ranking import action_unit_auroc
from feab.metrics.standing import Drawn, Standing, drawn, overall_drawn, overall_standings, places, standings
from feab.metrics.storing import from_arrays, to_arrays
from feab.metrics.sums import ClusterSums, bootstrap_weights
from feab.metrics.valence_arousal import valence_arousal_detail, valence_arousal_scores, valence_arousal_sums
from feab.metrics.vote_scores import human_ceiling, human_consensus, vote_detail, vote_scores, vote_sums

__all__ = [
    "FEW_CLUSTERS",
    "MIN_CLUSTERS",
    "Beside",
    "ClusterSums",
    "Difference",
    "Drawn",
    "Estimate",
    "Standing",
    "action_unit_auroc",
    "action_unit_calibration_sums",
    "action_unit_chance",
    "action_unit_detail",
    "action_unit_reliability",
    "action_unit_scores",
    "action_unit_sums",
    "beside",
    "bootstrap_weights",
    "chance_corrected",
    "difference",
    "differences",
    "drawn",
    "estimates",
    "expression_calibration_sums",
    "expression_chance",
    "expression_detail",
    "expression_reliability",
    "expression_scores",
    "expression_sums",
    "from_arrays",
    "holm",
    "human_ceiling",
    "human_consensus",
    "oracle_from_expression",
    "overall",
    "overall_beside",
    "overall_difference",
    "overall_drawn",
    "overall_standings",
    "places",
    "same_faces",
    "standings",
    "to_arrays",
    "valence_arousal_chance",
    "valence_arousal_detail",
    "valence_arousal_scores",
    "valence_arousal_sums",
    "vote_detail",
    "vote_scores",
    "vote_sums",
]
