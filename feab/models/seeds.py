"""Random numbers that depend on what is asked and on nothing else: not on order, batch, machine or Python version."""

from __future__ import annotations

import hashlib


def derived_seed(*parts: object) -> int:
    """A 63-bit seed from any printable parts: the first bits of their SHA-256."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def fraction(*parts: object) -> float:
    """A number drawn evenly from [0, 1) for these parts."""
    return (derived_seed(*parts) >> 10) / (1 << 53)
