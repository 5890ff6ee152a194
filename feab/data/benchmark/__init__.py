"""FEAB and the pool of FEID: sets put together from several datasets by a written, seeded recipe.

The recipes are text files (`generation/sets/`). `recipe.py` reads them, `choose.py` chooses from the labels of one
source (as numbers, `faces.py`), `nearduplicates.py` says which pictures look the same, `select.py` goes through the
sources, `manifest.py` is what can be published of a set, `jobs.py` gives a set's rows, `building.py` makes the folder.
"""

from __future__ import annotations

from feab.data.benchmark.building import Built, build
from feab.data.benchmark.jobs import DifferentError
from feab.data.benchmark.recipe import recipe_names

__all__ = ["Built", "DifferentError", "build", "recipe_names"]
