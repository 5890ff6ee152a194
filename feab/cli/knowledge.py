"""`feab knowledge`: its tables as text, JSON and a picture, each with its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.cli.output import out_json, rows, say
from feab.errors import FeabError
from feab.knowledge import (
    Form,
    Likelihood,
    Part,
    Source,
    Term,
    anchor_tables,
    display_theories,
    load_action_units,
    load_anchors,
    load_displays,
    load_forms,
    load_loadings,
    load_pairs,
    load_rates,
    load_shares,
    loading_tables,
    studies,
)
from feab.vocabulary import ACTION_UNITS, EXPRESSIONS, FEAB_17


@dataclass(frozen=True, slots=True)
class Names:
    """Which tables are meant."""

    theory: str
    anchors: str
    loadings: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A table: its rows as records, what to print of them, and where each is from."""

    records: list[dict[str, Any]]
    header: list[str]
    lines: list[list[str]]
    sources: list[tuple[str, Source]]
    """What of the table, and its source."""
    note: str = ""


def show_table(table: str, file: Path | None, *, as_json: bool, **names: str) -> None:
    """One of the tables on stdout, its sources on stderr; drawn into `file` as well.

    Raises:
        FeabError: when there is no such table or theory, or the picture cannot be made.
    """
    if table not in _TABLES:
        raise FeabError(f"no table {table!r}; there are {', '.join(_TABLES)}")
    chosen = Names(**names)
    shown = _TABLES[table](chosen)
    if file is not None:
        if table != "displays":
            raise FeabError("only the table of displays, and what follows from --given, can be drawn")
        _draw_displays(file, chosen)
    of_sources: dict[Source, list[str]] = {}
    for what, source in shown.sources:
        of_sources.setdefault(source, []).append(what)
    if as_json:
        sources = [{"of": list(dict.fromkeys(all_of)), **asdict(source)} for source, all_of in of_sources.items()]
        out_json({"table": table, **asdict(chosen), "rows": shown.records, "sources": sources})
        return
    rows(shown.header, shown.lines)
    say(shown.note)
    for source, all_of in of_sources.items():
        say(f"{', '.join(dict.fromkeys(all_of))}: {source}")
    if file is not None:
        say(f"drawn: {file}")


def _displays(names: Names) -> Shown:
    found, anchors = load_displays(names.theory), load_anchors(names.anchors)
    records: list[dict[str, Any]] = []
    lines = []
    for name, row in found.table.items():
        anchor, borrowed = anchors[name], name in found.borrowed
        records.append(
            {
                "expression": name,
                "borrowed": borrowed,
                "action_units": {au: {**asdict(cell), "printed": cell.printed} for au, cell in row.items()},
                "valence": anchor.valence,
                "arousal": anchor.arousal,
            }
        )
        lines.append([name, *map(_percent, row.values()), f"{anchor.valence:+.2f}", f"{anchor.arousal:+.2f}"])
    sources = [(f"AUs of {name}", source) for name in EXPRESSIONS for source in found.sources[name]]
    sources += [(f"anchor of {name}", anchors[name].source) for name in EXPRESSIONS]
    silent = ", ".join(name for name in EXPRESSIONS if name in found.borrowed)
    note = (
        f"\n{names.theory} ({found.title}): percent of the displays of an expression that show an AU. 51: printed in "
        "the source; ~85: our reading of its words; blank: not named, so at most 5 (our choice). "
        f"Of feab's own forms, since the theory is silent: {silent}.\n"
    )
    return Shown(records, ["expression", *map(str, FEAB_17), "valence", "arousal"], lines, sources, note)


def _percent(cell: Likelihood) -> str:
    if not cell.named:
        return ""
    return f"{'' if cell.printed else '~'}{100 * cell.value:.0f}"


def _theories(_: Names) -> Shown:
    found = [load_displays(name) for name in display_theories()]
    records: list[dict[str, Any]] = [
        {"option": "--theory", "name": one.theory, "what": one.title, "silent on": sorted(one.borrowed)}
        for one in found
    ]
    records += [
        {"option": option, "name": name, "what": what, "silent on": []}
        for option, what, known in (
            ("--anchors", "valence-arousal by expression", anchor_tables()),
            ("--loadings", "valence-arousal by AU", loading_tables()),
        )
        for name in known
    ]
    lines = [[one["option"], one["name"], one["what"], ", ".join(one["silent on"])] for one in records]
    sources = [
        (one.theory, source)
        for one in found
        for name in one.table
        if name not in one.borrowed
        for source in one.sources[name]
    ]
    sources += [(name, a.source) for name in anchor_tables() for a in load_anchors(name).values()]
    sources += [(name, one.source) for name in loading_tables() for one in load_loadings(name).values()]
    return Shown(records, ["option", "name", "what it is", "silent on"], lines, sources)


def _forms(names: Names) -> Shown:
    if names.theory in studies():
        return _shares(names)
    forms = [form for group in load_forms(names.theory).values() for form in group]
    records = [{"expression": form.expression, "kind": form.kind, "aus": _written(form)} for form in forms]
    return Shown(records, ["expression", "kind", "AUs"], _cells(records), [(f.expression, f.source) for f in forms])


def _shares(names: Names) -> Shown:
    shares = load_shares(names.theory)
    records: list[dict[str, Any]] = [
        {"category": name, "above_70": sorted(row.above_70), "shares": dict(row.shares)} for name, row in shares.items()
    ]
    lines = [
        [name, ", ".join(map(str, sorted(row.above_70))), ", ".join(f"{au} ({p:.0%})" for au, p in row.shares.items())]
        for name, row in shares.items()
    ]
    return Shown(
        records,
        ["category", "above 70 %", "others (share)"],
        lines,
        [(name, row.source) for name, row in shares.items()],
    )


def _written(form: Form) -> str:
    """A form as FACS coders write it, optional groups in brackets."""
    groups = (f" (+{_group(group)})" for group in form.optional)
    return (_group(form.required) or "none") + "".join(groups)


def _group(terms: Iterable[Term]) -> str:
    return "+".join("/".join(map(_part, term)) for term in terms)


def _part(part: Part) -> str:
    low, high = "_ABCDE"[part.low], "_ABCDE"[part.high]
    letters = "" if (low, high) == ("A", "E") else low if low == high else f"{low}-{high}"
    return f"{'U' if part.side == 'one' else ''}{part.au}{letters}"


def _units(_: Names) -> Shown:
    units = load_action_units().values()
    records = [
        {"au": u.number, "scored": u.number in FEAB_17, "name": u.name, "muscle": u.muscle, "appearance": u.appearance}
        for u in units
    ]
    sources = [(str(unit.number), unit.source) for unit in units]
    return Shown(records, ["AU", "scored", "name", "muscle", "what one sees"], _cells(records), sources)


def _pairs(_: Names) -> Shown:
    pairs = load_pairs()
    records = [{"aus": f"{one.aus[0]}, {one.aus[1]}", "weight": one.weight} for one in pairs]
    sources = [(f"{one.aus[0]}-{one.aus[1]}", one.source) for one in pairs]
    return Shown(records, ["AUs", "weight"], _cells(records), sources)


def _rates(_: Names) -> Shown:
    rates = load_rates().values()
    records = [{"au": one.au, "name": ACTION_UNITS[one.au].name, "rate": one.rate} for one in rates]
    return Shown(records, ["AU", "name", "rate"], _cells(records), [(str(one.au), one.source) for one in rates])


def _affect(names: Names) -> Shown:
    anchors, loadings = load_anchors(names.anchors).values(), load_loadings(names.loadings).values()
    records: list[dict[str, Any]] = [
        {
            "of": a.expression,
            "valence": a.valence,
            "arousal": a.arousal,
            "sds": f"{a.valence_sd:.2f}, {a.arousal_sd:.2f}",
        }
        for a in anchors
    ]
    records += [{"of": f"AU {u.au} adds", "valence": u.valence, "arousal": u.arousal, "sds": ""} for u in loadings]
    sources = [(a.expression, a.source) for a in anchors] + [(f"AU {u.au}", u.source) for u in loadings]
    return Shown(records, ["display", "valence", "arousal", "SDs"], _cells(records), sources)


def _cells(records: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    def cell(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else ""
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    return [[cell(value) for value in record.values()] for record in records]


_TABLES: Mapping[str, Callable[[Names], Shown]] = MappingProxyType(
    {
        "displays": _displays,
        "theories": _theories,
        "forms": _forms,
        "units": _units,
        "pairs": _pairs,
        "rates": _rates,
        "affect": _affect,
    }
)


def _draw_displays(file: Path, names: Names) -> None:
    from feab.plots.knowledge import draw_displays

    table, anchors = load_displays(names.theory).table, load_anchors(names.anchors)
    likelihoods = {name: {au: cell.value for au, cell in row.items()} for name, row in table.items()}
    places = {name: (a.valence, a.arousal, a.valence_sd, a.arousal_sd) for name, a in anchors.items()}
    draw_displays(file, f"P(AU | expression), {names.theory}", likelihoods, places)
