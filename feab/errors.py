"""The one exception for things a user can put right."""

from __future__ import annotations


class FeabError(Exception):
    """A mistake in usage or input: the message says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """
