"""The table of a leaderboard as a frame, and as the Parquet file that its store holds."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Mapping[str, Any] = {
    "submission": "string", "submitted": "string", "user": "string", "attempts": "Int64", "tier": "string",
    "model": "string", "revision": "string", "access": "string", "parameters": "Int64", "licence": "string",
    "release_date": "string", "url": "string", "description": "string", "may_have_seen": "boolean",
    "task": "string", "kind": "string", "version": "string", "data": "string", "fingerprint": "string",
    "season": "string", "protocol": "string", "metric": "string", "value": "Float64", "low": "Float64",
    "high": "Float64", "clusters": "Int64", "best": "Int64", "worst": "Int64", "why_not": "string", "n": "Int64",
    "coverage": "Float64", "unparsable": "Float64", "refused": "Float64", "truncated": "Float64",
    "chance": "Float64", "chance_player": "string", "oracle": "Float64", "as_people": "Float64", "human": "Float64",
    "cost_usd": "Float64", "input_tokens": "Int64", "output_tokens": "Int64", "wall_s": "Float64",
    "source": "string", "caveat": "string",
}  # fmt: skip
"""Column -> its pandas type; each may be empty. `why_not`: why a score without a place is not ranked. `attempts`: of
the user with the model, up to the acceptance. `unparsable`, `refused`, `truncated`, `coverage`: shares of the answers.
`chance`: the best player without eyes, by name in `chance_player`. `as_people`, `human`: agreement with the raters of a
face, of the model and of one rater. `cost_usd`, tokens and `wall_s` are as the submitter tells them."""

_SEQ, _REPORTED = b"feab.seq", b"feab.reported"
"""Names of what the file says of itself."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What a written table holds."""

    seq: int
    """The line of the log up to which it tells."""
    reported: str
    """sha256 of the numbers of papers in it, which people write by hand; "" where there are none."""


NOTHING = Holds(-1, "")


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with all columns and their types."""
    import pandas as pd

    columns: Any = {name: pd.array([row.get(name) for row in rows], dtype=kind) for name, kind in COLUMNS.items()}
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame


def write_table(frame: pd.DataFrame, told: Holds) -> bytes:
    """The file of a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    more = {_SEQ: str(told.seq).encode(), _REPORTED: told.reported.encode()}
    into = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **more}), into)
    return into.getvalue()


def holds(data: bytes) -> Holds:
    """What a file holds; `NOTHING` where it is no table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = pq.read_schema(io.BytesIO(data)).metadata or {}
    except pa.ArrowException:
        return NOTHING
    seq = told.get(_SEQ, b"")
    return Holds(int(seq) if seq.isdigit() else -1, told.get(_REPORTED, b"").decode("ascii", "replace"))


def read_table(data: bytes) -> pd.DataFrame:
    """The frame of a file."""
    import pandas as pd

    read = pd.read_parquet(io.BytesIO(data))
    frame: pd.DataFrame = pd.DataFrame({name: read[name].astype(kind) for name, kind in COLUMNS.items()})
    return frame
