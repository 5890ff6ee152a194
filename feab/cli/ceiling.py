"""How well the people who rated a dataset agree, in words."""

from __future__ import annotations

from typing import Any

from feab.data import Dataset


def ceiling(dataset: Dataset) -> list[list[str]]:
    """What one person reaches on a dataset with votes, as pairs of a word and a figure; none without votes."""
    votes = dataset.votes()
    if votes is None or not (votes > 0).any():
        return []
    from feab.metrics import Estimate, human_ceiling, human_consensus
    from feab.metrics.votes import read_votes
    from feab.plots.page import percent
    from feab.runs.words import CONSENSUS_WORDS

    labels = dataset.labels(("subject", "video", "source"))
    subject, video = (
        labels[name].tolist() if name in labels else [None] * len(labels) for name in ("subject", "video")
    )
    where: dict[str, Any] = {
        "clusters": [s if isinstance(s, str) else v for s, v in zip(subject, video, strict=True)],
        "sources": labels["source"].tolist() if "source" in labels else None,
    }
    found = human_ceiling(votes, **where)

    def told(name: str) -> str:
        estimate: Estimate = found[name]
        inside = ""
        if estimate.low is not None and estimate.high is not None:
            inside = f" ({percent(estimate.low)} to {percent(estimate.high)})"
        return percent(estimate.value) + inside

    read = read_votes(votes, votes.shape[1])
    if read.raters is None:
        lines = [["votes", f"{len(read.rows):,} faces, as shares: nobody can be left out"]]
    else:
        fewest, most = int(read.raters.min()), int(read.raters.max())
        people = f"{most} people" if fewest == most else f"{fewest} to {most} people"
        lines = [["votes", f"{len(read.rows):,} faces, {people} each"]]
        lines.append(["one person agrees", f"{told('votes_one_out_human')} with the plurality of the others"])
        lines += [
            [
                f"  {CONSENSUS_WORDS[name]} agreed",
                f"{percent(part['metrics']['votes_one_out_human']['value'])}, {part['n']:,} faces",
            ]
            for name, part in human_consensus(votes, **where).items()
        ]
        lines.append(["two people agree", told("votes_accuracy_human")])
    return [*lines, ["commonest label", f"{told('votes_accuracy_best')} of a face's votes"]]
