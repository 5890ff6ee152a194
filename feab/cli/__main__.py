"""`python -m feab.cli`: the console script by another door."""

from __future__ import annotations

from feab.cli.app import main

main()
