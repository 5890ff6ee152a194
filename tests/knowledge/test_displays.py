"""P(AU | expression): what a study prints, what forms become, and what stands in where a theory is silent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from feab.content import shipped
from feab.errors import FeabError
from feab.knowledge import display_theories, load_displays
from feab.knowledge.displays import TOP, UNNAMED
from feab.vocabulary import EXPRESSIONS, FEAB_17


@pytest.mark.parametrize("theory", display_theories())
def test_every_theory_gives_a_number_within_its_band_for_every_cell(theory: str) -> None:
    displays = load_displays(theory)
    assert tuple(displays.table) == EXPRESSIONS
    for row in displays.table.values():
        assert tuple(row) == FEAB_17
        for cell in row.values():
            assert 0 <= cell.low <= cell.value <= cell.high <= 1
            assert cell.value > 0
            assert cell.named or cell.value <= UNNAMED
            assert cell.value <= TOP
    assert all(displays.sources[name] for name in EXPRESSIONS)
    assert "neutral" in displays.borrowed


def test_a_study_keeps_what_it_prints() -> None:
    happiness = load_displays("du2014").table["happiness"]
    assert (happiness[6].value, happiness[6].printed) == (0.51, True)
    assert (happiness[12].value, happiness[12].low, happiness[12].printed) == (0.85, 0.70, False)
    assert (happiness[4].named, happiness[4].high) == (False, 0.20)


def test_forms_become_shares_that_weigh_prototypes_twice() -> None:
    # emfacs disgust: prototype 9+15+16, variant 9+15+17; 16 is not scored.
    disgust = load_displays("emfacs").table["disgust"]
    assert disgust[9].value == disgust[15].value == pytest.approx(TOP)
    assert disgust[17].value == pytest.approx(UNNAMED + (TOP - UNNAMED) / 3)
    assert (disgust[17].low, disgust[17].high) == (0.02, 0.50)


def test_alternatives_and_optional_groups_share_a_form() -> None:
    # matsumoto disgust: 9 or 10, two prototypes, each with 25/26 half the time; 26 brings 25.
    disgust = load_displays("matsumoto_2008").table["disgust"]
    assert disgust[9].value == pytest.approx(0.04 + (TOP - 0.04) / 2)  # AU 9's own rate is .04, below UNNAMED
    assert disgust[25].value == pytest.approx(UNNAMED + (TOP - UNNAMED) / 2)
    assert disgust[26].value == pytest.approx(UNNAMED + (TOP - UNNAMED) / 4)


def test_a_stretched_mouth_counts_as_a_dropped_jaw_that_parts_the_lips() -> None:
    surprise = load_displays("facs_2002").table["surprise"]
    assert surprise[26].value == surprise[25].value > 0.6


def test_theories_differ_where_it_matters_for_a_study_without_a_circle() -> None:
    du, cordaro = load_displays("du2014").table, load_displays("cordaro_core").table
    apart = [
        (name, au) for name in EXPRESSIONS for au in FEAB_17 if abs(du[name][au].value - cordaro[name][au].value) > 0.3
    ]
    assert len({name for name, _ in apart}) == 5  # all posed ones but surprise, on which they agree
    assert len(apart) > 15


def test_a_theory_without_an_expression_that_feab_lacks_too_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shipped("generation") / "knowledge", tmp_path / "knowledge"))
    file = folder / "expressions_aus.yaml"
    file.write_text(file.read_text().replace('{expression: neutral, kind: prototype, aus: "", source: ours}', ""))
    file.write_text(file.read_text().replace("      - \n", ""))
    with pytest.raises(FeabError, match="neutral"):
        load_displays("emfacs", folder)


def test_the_filler_is_no_theory() -> None:
    with pytest.raises(FeabError, match="facs_2002"):
        load_displays("feab")
