"""README.md of a FEID folder: its card, made from what was counted so that no number in it is typed by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import zip_longest
from pathlib import Path

from feab.data.feid.info import FeidInfo
from feab.generation.tallies import BINS, Tally
from feab.plots.text import markdown, shortened, visible
from feab.vocabulary import ACTION_UNITS, EXPRESSIONS, KINDS

CARD = "README.md"
_BAR = 24
"""Signs of the longest bar of a histogram."""

_MEANINGS = {
    "coarse": "which expression the face displays",
    "dimensional": "its valence and arousal",
    "fine": "its action units, with what is seen",
    "correlation": "how the three go together",
    "conversation": "several turns over the three",
    "choice": "a short closed question: options, yes or no",
    "ferid_category": "one label of all, as one word",
    "ferid_conversation": "the expression with its evidence, and what a face does not tell",
    "benchmark": "a question of feab's own benchmark in its own words: who learns it knows the benchmark's form",
}
_ORIGINS = {"human": "human labels", "generated": "generated labels", "mixed": "labels of both kinds"}


def write_card(folder: Path, info: FeidInfo, tally: Tally, formats: Collection[str]) -> Path:
    """Write README.md and return its path."""
    path = folder / CARD
    path.write_text(build_card(info, tally, formats), encoding="utf-8")
    return path


def build_card(info: FeidInfo, tally: Tally, formats: Collection[str]) -> str:
    """The card as Markdown with the front matter that the Hub reads.

    Args:
        info: feid.json.
        tally: what was counted on the way.
        formats: what was written beside the Parquet files.
    """
    import jinja2

    # Markdown, not HTML: what strangers wrote goes through `markdown`, the rest is numbers and our own words.
    environment = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"md": markdown, "thousands": "{:,}".format, "words": lambda level: level.replace("_", " ")}
    template = environment.from_string((Path(__file__).parent / "feid_card.md.j2").read_text(encoding="utf-8"))
    return template.render(
        info=info,
        total=sum(split.n for split in info.splits.values()),
        faces=sum(source.faces for source in info.sources),
        licences=sorted({_quoted(source.licence) for source in info.sources}),
        origins=_ORIGINS,
        meanings=_MEANINGS,
        wordings=tally.largest_shares(),
        labels=list(_labels(tally)),
        histograms=list(_histograms(tally)),
        formats=formats,
        share=_share,
    )


def _quoted(text: str) -> str:
    """A stranger's words inside double quotes of YAML."""
    return visible(shortened(" ".join(text.split()), 100)).replace("\\", "/").replace('"', "'")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _labels(tally: Tally) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    left = [(label, f"{tally.expressions[label]:,}") for label in EXPRESSIONS]
    right = [(f"AU{au} {unit.name}", f"{tally.units[au]:,}") for au, unit in ACTION_UNITS.items()]
    return zip_longest(left, right, fillvalue=("", ""))


def _histograms(tally: Tally) -> Iterator[tuple[str, list[str], list[tuple[str, list[str]]]]]:
    """For each level: its title, the columns, and rows of a bound and bars."""
    for kind in KINDS:
        found: dict[str, list[int]] = {}
        for (level, source, which), bins in sorted(tally.uncertainty.items()):
            if level == kind:
                found[f"{source}, {which.partition('_')[0]}"] = bins
        if found:
            most = max(max(bins) for bins in found.values())
            rows = [(f"{b / BINS:.1f}", [_bar(bins[b], most) for bins in found.values()]) for b in range(BINS)]
            yield kind.replace("_", " ").capitalize(), list(found), rows


def _bar(count: int, most: int) -> str:
    signs = "█" * max(round(_BAR * count / most), 1) if count else ""
    return f"{signs} {count:,}".strip()
