"""The leaderboard as a Hugging Face Space: `pip install -r requirements.txt && python app.py`.

The variable FEAB_STORE says where the submissions lie: `hf://datasets/OWNER/NAME` (with a secret HF_TOKEN that may
write to it), else a folder. From a folder a Space shows its results and takes none, since its disk does not last.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def use_wheel_beside() -> None:
    """Take feab from the wheel in this folder, where there is one.

    A Space installs its requirements before its own files are there, so the wheel cannot be one of them.
    """
    wheels = sorted(HERE.glob("feab-*.whl"))
    if wheels:
        folder = tempfile.mkdtemp(prefix="feab-wheel-")
        with zipfile.ZipFile(wheels[-1]) as wheel:
            wheel.extractall(folder)
        sys.path.insert(0, folder)


def main() -> None:
    """Serve it."""
    from feab.leaderboard.app import make_app
    from feab.leaderboard.app.serving import serve
    from feab.leaderboard.opening import open_service

    service = open_service(os.environ.get("FEAB_STORE") or str(HERE / "results"))
    host, port = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    serve(make_app(service), host, port)


if __name__ == "__main__":
    use_wheel_beside()
    main()
