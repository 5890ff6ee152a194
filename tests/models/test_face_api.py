"""The layers of face-api's network: its weights as they are stored, TensorFlow's padding, the whole of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from feab.models.networks.face_api import EDGE, LABELS, FaceApi, _padded, read_weights  # noqa: E402


def write_manifest(folder, tensors):
    """A weights manifest over two files, the second half of the data in the second."""
    entries, data = [], b""
    for name, values, packed in tensors:
        entry = {"name": name, "shape": list(values.shape), "dtype": "float32"}
        if packed:
            entry["quantization"] = {"dtype": "uint8", "scale": packed[0], "min": packed[1]}
        entries.append(entry)
        data += values.astype(np.uint8 if packed else "<f4").tobytes()
    (folder / "a.bin").write_bytes(data[: len(data) // 2])
    (folder / "b.bin").write_bytes(data[len(data) // 2 :])
    path = folder / "face_expression_model-weights_manifest.json"
    path.write_text(json.dumps([{"paths": ["a.bin", "b.bin"], "weights": entries}]))
    return path


def test_weights_are_unpacked(tmp_path):
    plain = np.array([[0.5, -2.0], [3.25, 0.0]])
    stored = np.array([0, 1, 255])
    found = read_weights(write_manifest(tmp_path, [("plain", plain, None), ("packed", stored, (0.1, -3.0))]))
    assert torch.equal(found["plain"], torch.tensor(plain, dtype=torch.float32))
    assert found["packed"].tolist() == pytest.approx([-3.0, -2.9, 22.5], abs=1e-5)


@pytest.mark.parametrize(
    ("length", "stride", "before", "after"), [(112, 2, 0, 1), (113, 2, 1, 1), (7, 1, 1, 1), (14, 2, 0, 1)]
)
def test_padding_is_tensorflows_same(length, stride, before, after):
    padded = _padded(torch.ones(1, 1, length, length), stride)
    row = padded[0, 0, before].tolist()
    assert row[:before] == [0.0] * before
    assert row[len(row) - after :] == [0.0] * after
    assert len(row) == length + before + after
    out = torch.nn.functional.conv2d(padded, torch.ones(1, 1, 3, 3), stride=stride)
    assert out.shape[-1] == -(-length // stride)


def random_network(folder, seed=0):
    draw = np.random.default_rng(seed)
    tensors, inner = [], 3
    for block, width in enumerate((4, 6, 8, 10)):
        for layer in range(4):
            name, channels = f"dense{block}/conv{layer}", inner if layer == 0 else width
            if block == 0 and layer == 0:
                tensors.append((f"{name}/filters", draw.normal(size=(3, 3, channels, width)) / 5, None))
            else:
                tensors.append((f"{name}/depthwise_filter", draw.normal(size=(3, 3, channels, 1)) / 3, None))
                tensors.append((f"{name}/pointwise_filter", draw.normal(size=(1, 1, channels, width)) / 2, None))
            tensors.append((f"{name}/bias", draw.normal(size=width), None))
        inner = width
    tensors += [("fc/weights", draw.normal(size=(inner, 7)) / 100, None), ("fc/bias", draw.normal(size=7) / 5, None)]
    write_manifest(folder, tensors)
    return FaceApi(folder), {name: values.astype(np.float32).astype(np.float64) for name, values, _ in tensors}


def convolved(x, kernel, stride):
    """A convolution in plain loops: x (h, w, in), kernel (3, 3, in, out), TensorFlow's SAME padding."""
    height = -(-x.shape[0] // stride)
    missing = max((height - 1) * stride + 3 - x.shape[0], 0)
    x = np.pad(x, ((missing // 2, missing - missing // 2),) * 2 + ((0, 0),))
    out = np.zeros((height, height, kernel.shape[3]))
    for i in range(height):
        for j in range(height):
            out[i, j] = np.tensordot(x[i * stride : i * stride + 3, j * stride : j * stride + 3], kernel, axes=3)
    return out


def by_hand(weights, pixels):
    """The network's probabilities, in numpy and loops."""
    x = (pixels - np.array([122.782, 117.001, 104.298])) / 255
    for block in range(4):
        outputs = []
        for layer in range(4):
            name, stride = f"dense{block}/conv{layer}", 2 if layer == 0 else 1
            fed = np.maximum(sum(outputs), 0) if outputs else x
            if f"{name}/filters" in weights:
                out = convolved(fed, weights[f"{name}/filters"], stride)
            else:
                kernel = weights[f"{name}/depthwise_filter"]
                each = np.zeros((3, 3, kernel.shape[2], kernel.shape[2]))
                for channel in range(kernel.shape[2]):
                    each[:, :, channel, channel] = kernel[:, :, channel, 0]
                out = convolved(fed, each, stride) @ weights[f"{name}/pointwise_filter"][0, 0]
            out = out + weights[f"{name}/bias"]
            outputs.append(np.maximum(out, 0) if layer == 0 else out)
        x = np.maximum(sum(outputs), 0)
    logits = x.mean((0, 1)) @ weights["fc/weights"] + weights["fc/bias"]
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


def test_the_network_is_what_plain_loops_compute(tmp_path):
    network, weights = random_network(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (EDGE, EDGE, 3), dtype=np.uint8)
    found = network(pixels)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert len(found) == len(LABELS)
    assert found == pytest.approx(by_hand(weights, pixels), abs=1e-4)
    assert np.abs(found - network(np.zeros_like(pixels))).max() > 0.01, "the picture matters"
    assert found.max() < 0.99, "no label drowns the others"
