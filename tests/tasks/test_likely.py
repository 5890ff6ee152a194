"""Probabilities of labels, gathered line by line."""

from __future__ import annotations

import numpy as np

from feab.tasks.likely import LabelProbabilities


def test_label_probabilities_of_no_line():
    assert LabelProbabilities(["fear"]).of_faces(np.array([0]), np.array([0]), 1) is None
    some = LabelProbabilities(["fear", "anger"])
    some.add(3, {"anger": 0.5, "joy": 0.5})
    assert some.of_faces(np.array([], dtype=np.intp), np.array([], dtype=np.intp), 2).shape == (2, 2)
    np.testing.assert_array_equal(some.of_faces(np.array([3, 0]), np.array([1, 0]), 2), [[np.nan, np.nan], [0.0, 0.5]])
