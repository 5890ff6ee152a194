"""The command line: every verb is a few lines over a function that Python users can call."""

from __future__ import annotations

from feab.cli.app import app, main

__all__ = ["app", "main"]
