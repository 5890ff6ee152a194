"""One rendering process: `python -m feab.faces.render_worker JOB`, started by `render_split.py`.

A process of its own instead of `multiprocessing`: it works from notebooks, from scripts without a main guard and from
standard input, and nothing of the parent's state travels along.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from feab.faces.shards import write_shard
from feab.faces.synth import SplitSpec


def main(job: str) -> None:
    """Render the identities that a job (JSON: spec, size, folder, identities, parent) names, one file each."""
    attend(
        job, lambda work, index: write_shard(Path(work["folder"]), SplitSpec(**work["spec"]), index, size=work["size"])
    )


def attend(job: str, make: Callable[[dict[str, Any], int], object]) -> None:
    """Make each of a job's identities in turn, for as long as the process that wants them is there.

    Args:
        job: JSON, as `render_split.Work` tells its workers.
        make: makes one identity of the job.
    """
    # The parent ends its workers on Ctrl-C; the terminal would send it to both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an exception, so that half-written files are removed
    work = json.loads(job)
    for index in work["identities"]:
        if os.getppid() != work["parent"]:
            return  # the parent was killed: nobody waits for the rest
        make(work, index)


if __name__ == "__main__":
    main(sys.argv[1])
