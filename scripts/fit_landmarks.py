"""Train the landmark network of rendered faces: feab/models/faceinfo/rendered.safetensors.

    python scripts/fit_landmarks.py

Learns from the training split of `synth` and says how far off it is on the validation split, in percent of the distance
between the eyes; the test split is never opened. Where landmarks are in a picture is not stored with it: the head is
posed again from the split's own seeds, and a picture counts only where that gives the very facts that are stored (the
others, about which the renderer took a second try, are left out). A few minutes on one core.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import torch
from safetensors.torch import save_file

from feab.data import load_dataset
from feab.faces.camera import look
from feab.faces.head import Head
from feab.faces.posing import pose
from feab.faces.scene import draw_scene
from feab.faces.shots import shown_intensities
from feab.faces.synth import SPLITS, split_identity, split_plans
from feab.models.faceinfo.reading import middle_square
from feab.models.faceinfo.rendered import EDGE, LAYOUT, WEIGHTS, build_network
from feab.models.images import decode

# Vertices of head.npz nearest to a choice of MediaPipe's landmarks on five neutral frontal faces.
VERTICES = (
    *(12, 1595, 1611, 70, 2382, 2387, 2466, 2449, 3883, 2410, 4654, 4649),  # eyes
    *(1858, 225, 224, 204, 208, 227, 2594, 2590, 2609, 2642, 4136),  # brows
    *(132, 135, 164, 294, 336, 286, 317, 2666, 3939, 1927, 4201, 1661, 3947),  # nose and cheeks
    *(1935, 411, 456, 466, 2826, 2784, 3857, 2844, 2852, 492, 486, 371),  # outer lips
    *(1566, 453, 474, 2837, 3855, 2847, 493, 482),  # inner lips
    *(1837, 1836, 893, 1893, 917, 1889, 746, 1821, 3077, 3227, 4166, 4168, 4169, 4115, 3066, 724, 733),  # jaw and chin
)
EPOCHS, BATCH, RATE = 14, 32, 2e-3
SHIFT = 6
"""Pixels of the input by which pictures are moved at random, their edges repeated."""
_CLOSE = 1e-4


def known(split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures of a split as the network takes them, each with its landmarks as shares of the side."""
    head, spec = Head.load(), SPLITS[split]
    dataset = load_dataset("synth", split)
    samples = {sample.id: sample for sample in dataset}
    for number in range(spec.identities):
        identity = split_identity(spec, number)
        for planned in split_plans(spec, number):
            scene = draw_scene(np.random.default_rng([*planned.scene_seed]))
            action = pose(head, identity, planned.plan, np.random.default_rng([*planned.scene_seed, 6]))
            _, gap, drop = shown_intensities(head, identity, action)
            sample = samples[planned.id]
            stored = {int(au): sides for au, sides in json.loads(sample.extra["amounts"]).items()}
            same = stored.keys() == action.aus.keys() and all(
                np.allclose(stored[au], sides, atol=_CLOSE) for au, sides in action.aus.items()
            )
            measured = (sample.extra["lip_gap"], sample.extra["chin_drop"])
            if not same or not np.allclose(measured, (gap, drop), atol=_CLOSE):
                continue
            person = head._person(identity)
            points = look(head.mesh.act(person.neutral, action), person.frame, scene, 224).points[list(VERTICES)]
            square, corner, side = middle_square(np.asarray(decode(sample.media.read())), EDGE)
            yield square, (points - corner) / side


def gathered(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """All of `known`, side by side."""
    pictures, points = zip(*known(split), strict=True)
    return torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(points)).float()


def moved(pictures: torch.Tensor, points: torch.Tensor, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures moved and lit at random, landmarks with them."""
    shift = torch.randint(-SHIFT, SHIFT + 1, (len(pictures), 2), generator=rng)
    at = torch.arange(EDGE)
    rows = (at[None] - shift[:, 1:]).clamp(0, EDGE - 1)
    columns = (at[None] - shift[:, :1]).clamp(0, EDGE - 1)
    out = pictures[torch.arange(len(pictures))[:, None, None], rows[:, :, None], columns[:, None, :]].float()
    light = 1 + 0.3 * (torch.rand((len(out), 1, 1, 1), generator=rng) - 0.5)
    return (out * light).clamp(0, 255), points + shift[:, None] / EDGE


def error(network: torch.nn.Module, pictures: torch.Tensor, points: torch.Tensor) -> float:
    """Mean distance of landmarks, in percent of the distance between the eyes."""
    network.eval()
    with torch.inference_mode():
        found = torch.cat([network(part) for part in pictures.split(256)])
    eyes = [points[:, list(eye)].mean(1) for eye in LAYOUT.eyes]
    between = (eyes[0] - eyes[1]).norm(dim=-1)
    network.train()
    return float(100 * ((found - points).norm(dim=-1).mean(1) / between).mean())


def main() -> None:
    """Train, save, and say how well."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started = time.monotonic()
    pictures, points = gathered("train")
    held, truth = gathered("validation")
    print(f"{len(pictures)} and {len(held)} pictures, {time.monotonic() - started:.0f} s", flush=True)
    network, rng = build_network(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        network[-2].bias.copy_(points.mean(0).flatten())
        network[-2].weight.mul_(0.1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    steps = EPOCHS * (len(pictures) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    print(f"before: {error(network, held, truth):.2f} %", flush=True)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(pictures), generator=rng)[: len(pictures) // BATCH * BATCH]
        for part in order.split(BATCH):
            given, wanted = moved(pictures[part], points[part], rng)
            loss = (network(given) - wanted).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: {error(network, held, truth):.2f} %, {time.monotonic() - started:.0f} s", flush=True)
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, WEIGHTS)
    network.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    print(f"as saved: {error(network, held, truth):.2f} %, {WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
