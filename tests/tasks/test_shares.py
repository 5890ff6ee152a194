"""Probabilities of labels, gathered line by line."""

from __future__ import annotations

import numpy as np

from feab.tasks import load_tasks
from feab.tasks.shares import Shares


def test_probabilities_of_no_line():
    (task,) = load_tasks("synth_expression")
    assert Shares(task).means(np.array([0]), 1) is None
    some = Shares(task)
    some.add(3, {"anger": 0.5, "joy": 0.5})
    assert some.means(np.array([-1, -1, -1, -1]), 2) is None  # no line of a face that counts
    found = some.means(np.array([1, -1, -1, 0]), 2)
    np.testing.assert_array_equal(found[1], np.nan)
    np.testing.assert_array_equal(found[0], [0.5 if label == "anger" else 0.0 for label in task.labels])
