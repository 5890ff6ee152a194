import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feab.errors import FeabError
from feab.faces.jpeg import encode_jpeg
from feab.faces.sheets import contact_sheet, difference, single_au_sheet
from feab.faces.synth import SPLITS, split_identity


def picture(level):
    return encode_jpeg(np.full((40, 60, 3), level, np.uint8))


def opened(png):
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return image


def test_pictures_lie_in_rows_with_captions():
    sheet = opened(contact_sheet([(picture(30), "one\ntwo"), (picture(200), "x" * 200), (picture(90), "")],
                                 columns=2, size=64, title="faces"))  # fmt: skip
    assert sheet.size == (2 * 68 + 4, 19 + 2 * (64 + 26 + 6) + 4)
    grey = np.asarray(sheet.convert("L")).astype(int)
    assert abs(grey[19 + 4 + 32, 4 + 32] - 30) <= 3
    assert abs(grey[19 + 4 + 32, 4 + 68 + 32] - 200) <= 3


@pytest.mark.parametrize("bad", [[], [(picture(1), "")] * 2001])
def test_too_few_or_too_many_pictures(bad):
    with pytest.raises(FeabError, match="contact sheet shows"):
        contact_sheet(bad)


def test_broken_bytes_are_named():
    with pytest.raises(FeabError, match=r"picture 2 .*'second'"):
        contact_sheet([(picture(1), "first"), (b"no picture", "second")])


def test_bad_grid():
    with pytest.raises(FeabError, match="columns"):
        contact_sheet([(picture(1), "")], columns=0)


def test_difference_marks_changed_pixels_red():
    shown = np.asarray(opened(difference(picture(100), picture(160))))
    assert (shown[..., 0] == 255).all()
    assert (shown[..., 1] < 20).all()
    same = np.asarray(opened(difference(picture(100), picture(100))))
    assert (same == 128).all()


def test_single_units_are_shown_at_four_letters_with_differences():
    sheet = opened(single_au_sheet(split_identity(SPLITS["validation"], 3), (12, 25), size=64))
    assert sheet.size == (10 * 68 + 4, 2 * (64 + 13 + 6) + 4)


def test_the_script_writes_a_page_a_unit_and_one_of_all(tmp_path, capsys):
    main = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "single_au_sheets.py"))["main"]
    main(["--out", str(tmp_path / "new"), "--size", "64", "--aus", "12", "25"])
    assert sorted(page.name for page in (tmp_path / "new").iterdir()) == ["all.png", "au12.png", "au25.png"]
    one, all_ = (opened((tmp_path / "new" / name).read_bytes()) for name in ("au12.png", "all.png"))
    assert (one.height - 4) * 2 == all_.height - 4
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path), "--identity", "-1"])
    assert "--identity" in capsys.readouterr().err
