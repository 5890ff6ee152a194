"""The face module in a training: every face is read once before it begins, and kept in memory only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from feab.models.faceinfo.attach import NAME, attach
from feab.models.faceinfo.config import FaceInfo
from feab.models.faceinfo.networks import open_network
from feab.models.faceinfo.priors import Faces
from feab.training.sft.job import Job
from feab.training.sft.talks import Talks

_PATIENT_S = 5.0


def learn_faces(info: FaceInfo, model: Any, talks: Talks, rows: Sequence[int], job: Job) -> Faces:
    """Attach a new module to the base, and fit its means and spreads to the faces that are learnt from.

    Args:
        info: what is attached.
        model: the base.
        talks: all conversations.
        rows: those that are learnt from; only their faces are read.
        job: what is told of it.

    Raises:
        FeabError: when the face network is not here, or the base is none that it can be attached to.
    """
    import torch

    faces = Faces(open_network(info), info)
    attach(model, info, faces, seed=job.recipe.seed)
    started = said = time.monotonic()
    read = []
    for data in talks.pictures(dict.fromkeys(rows)):
        read.append(faces.row(data)[: faces.layout.numbers].copy())  # a view would keep the crops, too
        if time.monotonic() - said > _PATIENT_S:
            said = time.monotonic()
            job.note({"stage": "reading faces", "done": len(read)})
    found = sum(bool(row[0]) for row in read)
    seconds = round(time.monotonic() - started, 1)
    job.note({"stage": "faces", "network": info.network, "pictures": len(read), "found": found, "seconds": seconds})
    getattr(model, NAME).fit(torch.from_numpy(np.stack(read)))
    return faces
