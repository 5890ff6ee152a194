"""`feab data`: datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from feab.cli.options import Columns, Data, Images, Json

data = typer.Typer(
    name="data",
    help="Datasets: what is there, what it holds, how it looks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@data.command("list", epilog="\b\nExample:\n  FEAB_DATA=/data/faces feab data list")
def data_list() -> None:
    """The embedded set and what lies under FEAB_DATA."""
    from feab.cli.datasets import show_datasets

    show_datasets()


@data.command("info", epilog="\b\nExamples:\n  feab data info synth\n  feab data info my-faces/")
def data_info(name: Data, columns: Columns = None, images: Images = None, json: Json = False) -> None:
    """What a dataset holds and what may be done with it."""
    from feab.cli.datasets import show_info

    show_info(name, columns or [], images, as_json=json)


@data.command("show", epilog="\b\nExamples:\n  feab data show synth --out sheet.png\n  feab data show my-faces/ -n 24")
def data_show(
    name: Data,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The picture to write.")] = Path("sheet.png"),
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="train, validation or test.")] = "test",
    number: Annotated[int, typer.Option("-n", metavar="N", min=1, max=400, help="Faces to show.")] = 48,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Chooses them.")] = 0,
    columns: Columns = None,
    images: Images = None,
    private: Annotated[
        bool, typer.Option("--private", help="For your eyes only: faces that their licence does not let you pass on.")
    ] = False,
) -> None:
    """A contact sheet with the labels, so that a person can look."""
    from feab.cli.datasets import show_sheet

    show_sheet(name, out, split, number, seed, columns or [], images, private=private)


@data.command("render", epilog="\b\nExample:\n  feab data render --identities 20 --seed 7 --size 224 --out faces/")
def data_render(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The dataset folder to make; the same command resumes.")
    ],
    identities: Annotated[int, typer.Option("--identities", metavar="N", min=1, help="People; 24 pictures each.")] = 36,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Other seeds, other people.")] = 0,
    size: Annotated[int, typer.Option("--size", metavar="N", min=64, max=1024, help="Pixels along an edge.")] = 224,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Processes.  [default: all cores]")
    ] = None,
) -> None:
    """Render labelled faces of people who do not exist."""
    from feab.cli.datasets import render

    render(out, identities, seed, size, workers)


_KNOWN = typer.Argument(
    metavar="NAME",
    help="The dataset, such as rafdb, or generic for data of your own; a name that is not known lists those that are.",
)


@data.command(
    "prepare",
    epilog="\b\nExamples:\n  feab data prepare RAF-DB --from /data/RAF-DB\n"
    "  feab data prepare disfa --from /data/DISFA --to disfa/ --images bytes\n"
    "  feab data prepare affectnet --from /data/AffectNet --limit 200 --to trial/\n"
    "  feab data prepare generic --from faces.csv --as pilot --column expression=emotion\n"
    "  feab data prepare generic --from OWNER/NAME --column expression=label",
)
def data_prepare(
    name: Annotated[str, _KNOWN],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="DIR|FILE|ID",
            help="Its folder, as it was delivered. Of your own: class folders, a CSV or JSON Lines file, Parquet "
            "files, or the id of a Hugging Face dataset.",
        ),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder to make.  [default: under FEAB_DATA]")
    ] = None,
    called: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="What data of your own is called.  [default: after its source]"),
    ] = None,
    columns: Columns = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="DIR", help="Where paths in your file start.  [default: its folder]"),
    ] = None,
    images: Annotated[
        Literal["paths", "bytes"],
        typer.Option("--images", help="Leave the pictures where they are, or copy their bytes."),
    ] = "paths",
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Write splits anew that are there.")] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="At most N samples of each split, chosen by --seed."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Chooses the samples of --limit.")] = 0,
) -> None:
    """Read a dataset as it was delivered, so that it can be asked about; the same command resumes."""
    from feab.cli.preparing import Own, prepare

    own = Own(called, columns or [], pictures)
    prepare(name, source, to, images, own, strict=strict, again=again, limit=limit, seed=seed)


@data.command("mimic", epilog="\b\nExample:\n  feab data mimic rafdb --out rafdb-mimic/")
def data_mimic(
    name: Annotated[str, _KNOWN],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to make.")],
    number: Annotated[int, typer.Option("-n", metavar="N", min=1, help="Pictures in each split, about.")] = 24,
) -> None:
    """Make a miniature of a dataset's folder with rendered faces, to see its layout and try the way from it."""
    from feab.cli.preparing import mimic

    mimic(name, out, number)


@data.command(
    "build",
    epilog="\b\nExamples:\n  feab data build feab --root /data/prepared\n"
    "  feab data build feab --manifest feab.manifest.json\n  feab data build feid-pool --to pool/",
)
def data_build(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="feab, feid-pool, or the file (.yaml) of a recipe of your own.")
    ],
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help="The folder of the prepared datasets.  [default: FEAB_DATA]"),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder to make.  [default: under FEAB_DATA]")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest", metavar="FILE", help="Take the faces it names, and check that every one is the same here."
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make it anew where it is there.")] = False,
) -> None:
    """Put FEAB, or the pool of FEID, together from prepared datasets; of some of them, a part that says so."""
    from feab.cli.building import build

    build(name, root, to, manifest, again=again)
