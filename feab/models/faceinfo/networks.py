"""The face networks that readings come from, by the names that files may say; all are frozen, none knows anyone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.models.faceinfo.config import GIVEN, FaceInfo, NetworkName
from feab.models.faceinfo.reading import Found, Layout, middle_square
from feab.models.faceinfo.rendered import RenderedLandmarks
from feab.models.networks.landmarker import POINTS, Landmarker
from feab.models.packages import fetched, package_of

Pixels = npt.NDArray[np.uint8]


class FaceNetwork(Protocol):
    """A frozen network that was made for faces."""

    layout: Layout
    digest: str
    """sha256 of its weights."""

    def __call__(self, pixels: Pixels) -> Found | None:
        """The face in an RGB picture, (height, width, 3); None where there is none."""
        ...

    def close(self) -> None:
        """Release the network. Harmless when called twice."""
        ...


def open_network(info: FaceInfo) -> FaceNetwork:
    """The face network that a recipe or an adapter names.

    Raises:
        FeabError: when its package or its weights are not here, with what to do.
    """
    return _NETWORKS[info.network](info)


_RIGHT_EYE = (7, 33, 133, 144, 145, 153, 154, 155, 157, 158, 159, 160, 161, 163, 173, 246)
_LEFT_EYE = (249, 263, 362, 373, 374, 380, 381, 382, 384, 385, 386, 387, 388, 390, 398, 466)
_IRISES = tuple(range(468, POINTS))

# Numbers of landmarks as MediaPipe's own lists of contours give them (Apache-2.0); of the oval of the face, the part
# from ear to ear below the mouth's corners is the jaw. Shapes in the network's order, ARKit's in that of the alphabet.
MEDIAPIPE = Layout(
    landmarks=POINTS,
    dimensions=3,
    eyes=(_RIGHT_EYE, _LEFT_EYE),  # the subject's right eye is at the picture's left
    regions=MappingProxyType(
        {
            "eyes": (*_RIGHT_EYE, *_LEFT_EYE, *_IRISES),
            "brows": (
                *(46, 52, 53, 55, 63, 65, 66, 70, 105, 107),
                *(276, 282, 283, 285, 293, 295, 296, 300, 334, 336),
                *(9, 8),  # between them, where they draw together
            ),
            "nose": (
                *(1, 2, 4, 5, 6, 19, 45, 48, 64, 94, 97, 98, 115, 168, 195, 197),
                *(220, 275, 278, 294, 326, 327, 344, 440),
            ),
            "mouth": (
                *(0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181, 185, 191),
                *(267, 269, 270, 291, 308, 310, 311, 312, 314, 317, 318, 321, 324, 375, 402, 405, 409, 415),
            ),
            "jaw": (
                *(58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288),
                *(18, 200, 199, 175),  # the chin
            ),
        }
    ),
    shapes=52,
    region_shapes=MappingProxyType(
        {
            "eyes": (7, 8, *range(9, 23)),  # cheeks squint with the eyes
            "brows": tuple(range(1, 6)),
            "nose": (50, 51),
            "mouth": (6, *range(27, 50)),
            "jaw": tuple(range(23, 27)),
        }
    ),
)


class MediaPipe:
    """MediaPipe's Face Landmarker, which `feab models fetch mediapipe-blendshapes` gets."""

    layout = MEDIAPIPE

    def __init__(self) -> None:
        name = "mediapipe-blendshapes"
        self._landmarker = Landmarker(fetched(name), "face_info: network mediapipe")
        self.digest = package_of(name).files[0].sha256

    def __call__(self, pixels: Pixels) -> Found | None:
        """The one face that it finds first."""
        found = self._landmarker(pixels)
        return (
            None
            if found is None
            else Found(found.points.astype(np.float32), np.array([*found.shapes.values()], np.float32))
        )

    def close(self) -> None:
        """Release the network. Harmless when called twice."""
        self._landmarker.close()


@dataclass(frozen=True, slots=True)
class Export:
    """What goes into a network that users export to ONNX, and what comes out.

    Attributes:
        edge: pixels along an edge of its input, which is the picture's middle square.
        mean, spread: of each colour, red first, from 0 to 255; what is taken away, and what the rest is divided by.
        layout: its first output are `landmarks` x 2 numbers from -1 to 1 over the square; a second, where the layout
            has an embedding, that.
    """

    edge: int
    mean: tuple[float, float, float]
    spread: tuple[float, float, float]
    layout: Layout


# iBUG's 68 points. Input as FaceXFormer's own code prepares it (ImageNet's means); its embedding is the 256 numbers of
# its decoder's landmark token, which an export has to give as a second output.
FACEXFORMER = Export(
    edge=224,
    mean=(123.675, 116.28, 103.53),
    spread=(58.395, 57.12, 57.375),
    layout=Layout(
        landmarks=68,
        dimensions=2,
        eyes=(tuple(range(36, 42)), tuple(range(42, 48))),
        regions=MappingProxyType(
            {
                "eyes": tuple(range(36, 48)),
                "brows": tuple(range(17, 27)),
                "nose": tuple(range(27, 36)),
                "mouth": tuple(range(48, 68)),
                "jaw": tuple(range(17)),
            }
        ),
        embedding=256,
    ),
)

# InsightFace's 2d106det.onnx, the landmarks that EmoLA's prior is made of (212 numbers). Colours from 0 to 255, as
# InsightFace's own code feeds it.
INSIGHTFACE = Export(
    edge=192,
    mean=(0, 0, 0),
    spread=(1, 1, 1),
    layout=Layout(
        landmarks=106,
        dimensions=2,
        eyes=(tuple(range(33, 43)), tuple(range(87, 97))),
        regions=MappingProxyType(
            {
                "eyes": (*range(33, 43), *range(87, 97)),
                "brows": (*range(43, 52), *range(97, 106)),
                "nose": tuple(range(72, 87)),
                "mouth": tuple(range(52, 72)),
                "jaw": tuple(range(33)),
            }
        ),
    ),
)


class OnnxLandmarks:
    """A network whose weights the user has, run by onnxruntime on the middle square of a picture."""

    def __init__(self, file: str, export: Export) -> None:
        """Load it.

        Raises:
            FeabError: when onnxruntime is not installed, or the file is missing or is none that it reads.
        """
        path = Path(file).expanduser()
        if file == GIVEN or not path.is_file():
            raise FeabError(f"face network: no file {path}; name its ONNX file: -M face_weights=FILE, or in the recipe")
        try:
            import onnxruntime
        except ImportError as error:
            raise FeabError(f"this face network needs onnxruntime ({error}): pip install onnxruntime") from None
        data = path.read_bytes()
        self.digest = hashlib.sha256(data).hexdigest()
        self.layout = export.layout
        self._export = export
        try:
            self._session: Any = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own kinds, one a mistake
            raise FeabError(f"{path}: no network that onnxruntime reads ({str(error)[:200]})") from None

    def __call__(self, pixels: Pixels) -> Found | None:
        """The landmarks: such a network takes every picture for a face."""
        export = self._export
        square, corner, side = middle_square(pixels, export.edge)
        level = (square.astype(np.float32) - np.array(export.mean, np.float32)) / np.array(export.spread, np.float32)
        given = {self._session.get_inputs()[0].name: level.transpose(2, 0, 1)[None]}
        points, *more = self._session.run(None, given)
        layout = self.layout
        if points.size != 2 * layout.landmarks or (layout.embedding and (not more or more[0].size != layout.embedding)):
            embedding = f" and {layout.embedding} of an embedding" if layout.embedding else ""
            raise FeabError(f"this face network does not give {2 * layout.landmarks} numbers of landmarks{embedding}")
        placed = (points.reshape(-1, 2).astype(np.float32) + 1) / 2 * side + corner
        vector = more[0].reshape(-1).astype(np.float32) if layout.embedding else np.zeros(0, np.float32)
        return Found(placed, embedding=vector)

    def close(self) -> None:
        """Let go of it."""
        self._session = None


def _given(info: FaceInfo, export: Export) -> FaceNetwork:
    return OnnxLandmarks(info.weights or GIVEN, export)


_NETWORKS: Mapping[NetworkName, Callable[[FaceInfo], FaceNetwork]] = MappingProxyType(
    {
        "mediapipe": lambda info: MediaPipe(),
        "rendered": lambda info: RenderedLandmarks(),
        "insightface-2d106": lambda info: _given(info, INSIGHTFACE),
        "facexformer": lambda info: _given(info, FACEXFORMER),
    }
)
