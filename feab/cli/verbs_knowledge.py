"""`feab knowledge`: the emotion tables, and what follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feab.cli.options import Json
from feab.errors import FeabError

verbs = typer.Typer()
"""Joined to `feab` as they are."""


@verbs.command(
    short_help="How expressions, AUs and valence-arousal go together, with sources.",
    epilog="\b\nExamples:\n  feab knowledge                                   # P(AU | expression), Du et al. 2014"
    "\n  feab knowledge --theory emfacs --out emfacs.png"
    "\n  feab knowledge theories\n  feab knowledge forms --theory facs_2002"
    "\n  feab knowledge --given expression=anger"
    "\n  feab knowledge --given au12=1,au6=1 --out smile.svg"
    "\n  feab knowledge --given au4=1 --given valence=-0.5 --theory cordaro_core --json"
    "\n\nAn AU that is not given is unknown, not absent: au25=0 says that it is absent.",
)
def knowledge(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="displays, theories, forms, units, pairs, rates or affect.", show_default=True
        ),
    ] = "displays",
    theory: Annotated[
        str, typer.Option("--theory", metavar="NAME", help="Whose P(AU | expression): see `feab knowledge theories`.")
    ] = "du2014",
    anchors: Annotated[
        str, typer.Option("--anchors", metavar="NAME", help="Valence-arousal by expression: words or neighbours.")
    ] = "words",
    loadings: Annotated[
        str, typer.Option("--loadings", metavar="NAME", help="Valence-arousal by AU: rule or affdex.")
    ] = "rule",
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--given",
            metavar="LEVEL=VALUE",
            help="What is known of a face; the rest is inferred. expression=WORD, au12=1 or 0, valence=X, arousal=X; "
            "comma-separated, repeatable.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Draw it as well: .png or .svg.")] = None,
    json: Json = False,
) -> None:
    """How expressions, action units and valence-arousal go together: tables with their sources, and what follows.

    With --given, the exact posterior of the other levels. It is about displays and labels, not about feelings.
    """
    names = {"theory": theory, "anchors": anchors, "loadings": loadings}
    if given:
        if table != "displays":
            raise FeabError(f"a table ({table}) or --given: one of the two")
        from feab.cli.inferring import infer_and_show

        infer_and_show(given, out, as_json=json, **names)
    else:
        from feab.cli.knowledge import show_table

        show_table(table, out, as_json=json, **names)
