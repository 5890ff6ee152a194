"""The part of a report that sets a task's answers beside the votes of people: what a model reaches, and one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from feab.plots import pieces
from feab.plots.page import number
from feab.plots.pieces import Row, Tick
from feab.runs import detail
from feab.runs.sections import Block, cell, estimate_row
from feab.runs.words import CONSENSUS_WORDS
from feab.schemas import EstimateModel, TaskScores

if TYPE_CHECKING:
    from markupsafe import Markup

_NO_SCORE = EstimateModel(value=None)
_MEASURES = {
    "votes_one_out": "the others' plurality",
    "votes_one_out_macro_f1": "the same, macro-F1",
    "votes_accuracy": "a random rater",
}
_PERSON = "one person"


def vote_blocks(task: TaskScores) -> Iterator[Block]:
    """What the votes tell of a task's answers; nothing for a task without votes."""
    facts = detail.votes(task)
    if facts is None or "votes_accuracy" not in task.metrics:
        return
    counted = f"{facts.left_out:,} faces that at least two people rated" if facts.raters else f"{facts.faces:,} faces"
    lead = f"On {counted}, each of equal weight. A random rater: the chance that somebody drawn from a face's raters "
    lead += "gave the model's answer. "
    if facts.raters:
        lead += (
            "The others' plurality: each rater in turn is left out, and the model and that one person are held against "
            "what most of the others said; ties are shared. One person is no upper limit. "
        )
    lead += "Best: what the commonest label of every face would get. Majority: the best label that is always the same."
    yield Block("Beside people", lead, [_measures(task, facts)])
    if bins := [(name, part) for name, part in detail.consensus(task).items() if name in CONSENSUS_WORDS]:
        lead = "The share of a face's votes that its commonest label got. "
        if facts.raters:
            lead += (
                "Where opinions are split, one vote often turns the plurality: there a person scores low by "
                "construction."
            )
        yield Block("By consensus", lead, [_consensus(dict(bins), raters=facts.raters)])
    yield Block("Distance to the votes", *_distances(task, facts))
    labels = list(detail.per_class(task))
    if facts.human_confusion is not None and len(facts.human_confusion) == len(labels):
        table = pieces.heat_table(
            "People beside people, numbers of faces",
            labels,
            labels,
            [[round(count) for count in line] for line in facts.human_confusion],
            first="the others ↓ one person →",
        )
        lead = (
            "Which expressions people take for which: rows are the plurality of the others, columns the one left out. "
            "To be read beside the model's own confusions."
        )
        yield Block("Which expressions people take for which", lead, [table])


def _measures(task: TaskScores, facts: detail.VoteDetail) -> Markup:
    rows: list[Row] = []
    ticks = {"votes_accuracy": facts.majority, "votes_one_out": facts.majority_one_out}
    for name, words in _MEASURES.items():
        if name not in task.metrics:
            continue
        best = task.metrics.get(f"{name}_best", _NO_SCORE).value
        marks = [("majority", ticks.get(name), 1), ("best", best, 2)]
        beside = tuple(Tick(word, value, style) for word, value, style in marks if value is not None)
        rows += _pair(words, name, task.metrics, beside)
    columns = ["people − model"] if facts.raters else []
    return pieces.interval_table(
        "Agreement with people", rows, first="held against", score="agreement", columns=columns, beside="beside"
    )


def _consensus(bins: Mapping[str, detail.GroupDetail], *, raters: bool) -> Markup:
    name = "votes_one_out" if raters else "votes_accuracy"
    rows: list[Row] = []
    for key, part in bins.items():
        best = part.metrics.get(f"{name}_best", _NO_SCORE).value
        marks = () if best is None else (Tick("best", best, 2),)
        rows += _pair(CONSENSUS_WORDS[key], name, part.metrics, marks, note=f"{part.n:,} faces")
    return pieces.interval_table(
        f"Agreement with {_MEASURES[name]}, by consensus",
        rows,
        first="commonest label",
        score="agreement",
        columns=["people − model"] if raters else [],
    )


def _pair(
    words: str, name: str, metrics: Mapping[str, EstimateModel], ticks: tuple[Tick, ...], note: str = ""
) -> Iterator[Row]:
    """The model's row and, where raters were counted, one person's under it; the person's score is a line in both."""
    person = metrics.get(f"{name}_human")
    gap = () if person is None else (cell(metrics.get(f"{name}_gap"), signed=True),)
    line = () if person is None or person.value is None else (Tick(_PERSON, person.value, 0),)
    yield estimate_row(words, metrics.get(name, _NO_SCORE), ticks=(*line, *ticks), cells=gap, note=note)
    if person is not None:
        yield estimate_row(_PERSON, person, cells=("",), minor=True)


def _distances(task: TaskScores, facts: detail.VoteDetail) -> tuple[str, list[Markup]]:
    """The sentence and the table of how far probabilities lie from votes."""
    rows = [
        [
            "Jensen–Shannon distance, 0 to 1",
            cell(task.metrics.get("votes_js_distance")),
            number(facts.prior_js_distance),
            number(0.0),
        ]
    ]
    lead = "The less the better. The mean votes: those of all faces together, told of every face without a look at it. "
    if "votes_cross_entropy" in task.metrics:
        entropy = task.metrics.get("votes_cross_entropy_best", _NO_SCORE).value
        score = cell(task.metrics["votes_cross_entropy"])
        rows.append(["cross-entropy, nats", score, number(facts.prior_cross_entropy), number(entropy)])
    else:
        lead += (
            "The answers carry no probabilities, or too few do: each counts as certain of its label, and there is no "
            "cross-entropy."
        )
    header = ["", "model", "the mean votes", "each face's own votes"]
    return lead, [pieces.plain_table("Distance between the model's probabilities and the votes", header, rows)]
