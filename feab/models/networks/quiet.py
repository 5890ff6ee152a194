"""Keeping a library's own chatter off the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Nothing written to stderr below Python is seen: LiteRT and MediaPipe say there what they are made of.

    Errors are not lost: both raise them as exceptions.
    """
    try:
        kept = os.dup(2)
    except OSError:  # a process without a stderr is quiet already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
