"""feab-tiny with attention heads of a size that vLLM's CPU kernels know.

    python tests/peers/wider_heads.py OUT

Its heads have 40 dimensions. vLLM's GPU kernels take any multiple of 8; its CPU kernels only 32, 64, 80 and some more.
Heads of 80 with zeros in the new dimensions are the same function: each half of a head (rotary embedding turns
dimension i together with i + half) is followed by its zeros; the rotary base is squared, so that dimension i turns as
fast as before; and queries are longer by the root of two, because attention divides by the root of the head size.
Nothing is learnt or lost: the test asks hf/ about the checkpoint as it is shipped, and vLLM about this one.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

CHECKPOINT = Path(__file__).parents[2] / "models" / "feab-tiny"
TIMES = 2


def widened(checkpoint: Path, out: Path) -> Path:
    """Write the checkpoint with heads `TIMES` as wide into `out`, in float32."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(checkpoint, out)
    config = json.loads((checkpoint / "config.json").read_text())
    text = config["text_config"]
    size = text["head_dim"]
    text["head_dim"] = TIMES * size
    text["rope_parameters"]["rope_theta"] **= TIMES
    config["dtype"] = "float32"
    (out / "config.json").write_text(json.dumps(config, indent=2))
    weights = {}
    for name, weight in load_file(checkpoint / "model.safetensors").items():
        wide = weight.float()
        if name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
            wide = _rows(wide, size)
        if name.endswith("q_proj.weight"):
            wide = wide * TIMES**0.5
        if name.endswith("self_attn.o_proj.weight"):
            wide = _rows(wide.T.contiguous(), size).T.contiguous()
        weights[name] = wide
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    return out


def _rows(weight: Any, size: int) -> Any:
    """Rows in heads of `size` -> in wider ones, each half of a head followed by its zeros."""
    import torch

    halves = weight.view(-1, 2, size // 2, weight.shape[1])
    return torch.nn.functional.pad(halves, (0, 0, 0, (TIMES - 1) * size // 2)).reshape(-1, weight.shape[1])


if __name__ == "__main__":
    widened(CHECKPOINT, Path(sys.argv[1]))
