"""`feab doctor`."""

from __future__ import annotations

from dataclasses import asdict

from feab.cli.output import out, out_json
from feab.diagnosis import doctor


def examine_and_show(*, deep: bool, as_json: bool) -> int:
    """Print what was found, a line each; 2 when `feab run --model feab-tiny` cannot work, else 0."""
    found = doctor(deep=deep)
    status = 2 if any(finding.blocks for finding in found) else 0
    if as_json:
        out_json({"ready": status == 0, "findings": [asdict(finding) for finding in found]})
        return status
    width = max(len(finding.about) for finding in found)
    for finding in found:
        out(f"{finding.status:<7}  {finding.about:<{width}}  {finding.says}")
        if finding.advice:
            out(f"{'':<7}  {'':<{width}}  -> {finding.advice}")
    out("\nfeab run --model feab-tiny will work" if status == 0 else "\nfeab run --model feab-tiny cannot work yet")
    return status
