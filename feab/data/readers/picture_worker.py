"""A process that looks at pictures: `python -m feab.data.readers.picture_worker FOLDER`, started by `pictures.py`.

It reads JSON lists of paths, a line each, and answers each with a list of [sha256, null] or [kind of fault, detail].
A process of its own instead of `multiprocessing`: it works from notebooks and from scripts without a main guard.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from pathlib import Path

from feab.data.readers.looking import PictureError, look, read
from feab.data.readers.tree import Tree


def main(root: str) -> None:
    """Answer until nobody asks any more: the input ends when the process that asks does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to both, and the other one tidies up
    tree = Tree(Path(root))
    for line in sys.stdin.buffer:
        found = [_found(tree, relative) for relative in json.loads(line)]
        sys.stdout.buffer.write(json.dumps(found).encode() + b"\n")
        sys.stdout.buffer.flush()


def _found(tree: Tree, relative: str) -> tuple[str, str | None]:
    try:
        data = read(tree, relative)
        look(data, relative)
    except PictureError as error:
        return error.why, str(error)
    return hashlib.sha256(data).hexdigest(), None


if __name__ == "__main__":
    main(sys.argv[1])
