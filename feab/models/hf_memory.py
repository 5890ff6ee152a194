"""Memory that runs out: how it shows."""

from __future__ import annotations


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on a GPU or on the CPU."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "not enough memory", "defaultcpuallocator")
    return isinstance(error, RuntimeError) and any(sign in said for sign in signs)
