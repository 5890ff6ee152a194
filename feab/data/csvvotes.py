"""Votes in a CSV file: a column for each label, as `votes_happiness`, become the one list column of a dataset."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from feab.data.headers import VOTES
from feab.vocabulary import LABELS

if TYPE_CHECKING:
    import pyarrow as pa


def gather_votes(table: pa.Table, there: Set[str]) -> tuple[pa.Table, tuple[str, ...], list[str]]:
    """The table with `votes` in place of its vote columns; the labels they are for, in order; and a note.

    Labels that occur as an expression but have no vote column got no votes. Where the file has no expressions, the
    commonest vote of each face is taken as its expression, and a tie leaves it without (our choice).

    Args:
        table: columns named `votes_<label>`, of float32; a row has either none of the votes or all.
        there: the labels that occur as an expression.
    """
    import numpy as np
    import pyarrow as pa

    voted = [label for label in LABELS if VOTES + label in table.column_names]
    if not voted:
        return table, (), []
    columns = np.stack([table.column(VOTES + label).to_numpy() for label in voted], axis=1)
    empty = np.isnan(columns)
    table = table.drop_columns([VOTES + label for label in voted])
    notes = [f"votes: for {', '.join(voted)}"]
    if "expression" not in table.column_names:
        commonest = np.array(voted, dtype=object)[np.where(empty, 0, columns).argmax(1)]
        top = (columns == columns.max(1, keepdims=True)).sum(1)
        clear = (top == 1) & (columns.max(1) > 0)
        table = table.append_column("expression", pa.array(np.where(clear, commonest, None), pa.string()))
        tied = int((~clear & ~empty.all(1)).sum())
        notes.append(f"expression: the commonest vote of each face; {tied:,} with a tie or no votes have none")
    labels = tuple(label for label in LABELS if label in there or label in voted)
    full = np.zeros((len(columns), len(labels)), dtype=np.float32)
    full[:, [labels.index(label) for label in voted]] = columns
    bare = empty.all(1)
    starts = np.concatenate([[0], np.cumsum(~bare) * len(labels)]).astype(np.int32)
    offsets = pa.array(starts, pa.int32(), mask=np.append(bare, False))
    lists = pa.ListArray.from_arrays(offsets, pa.array(full[~bare].ravel(), pa.float32()))
    return table.append_column("votes", lists), labels, notes
