"""One process that renders clips: `python -m feab.faces.moving.worker JOB`, started by `feab.faces.render_split`."""

from __future__ import annotations

import sys
from pathlib import Path

from feab.faces.moving.store import write_clips
from feab.faces.render_worker import attend
from feab.faces.synth import SplitSpec


def main(job: str) -> None:
    """Render the identities that a job (JSON: spec, size, folder, identities, parent) names, one file each."""
    attend(
        job, lambda work, index: write_clips(Path(work["folder"]), SplitSpec(**work["spec"]), index, size=work["size"])
    )


if __name__ == "__main__":
    main(sys.argv[1])
