"""A plugin of vLLM, which loads it in each of its processes: linear layers on a CPU take any memory layout.

vLLM 0.32 multiplies on CPUs through oneDNN, which refuses an input whose rows are not side by side in memory. LeViT
transposes its patches just before its first linear layer, so a batch of one image is such an input. GPUs take it.
"""

from __future__ import annotations

from typing import Any


def register() -> None:
    """Copy inputs into rows before vLLM's product; of those that lie so already, `contiguous` makes no copy."""
    from vllm import _custom_ops

    product = _custom_ops.onednn_mm

    def of_rows(handler: Any, x: Any, bias: Any) -> Any:
        return product(handler, x.contiguous(), bias)

    _custom_ops.onednn_mm = of_rows
