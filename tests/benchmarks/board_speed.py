"""How fast the leaderboard's pages are with many submissions: first page, filter, sort, search, compare, and memory.

    OMP_NUM_THREADS=1 python tests/benchmarks/board_speed.py [--submissions N] [--people N] [--keep DIR] [--repeats N]

Needs gradio, playwright and chromium. Four submissions are real runs of a player on a dataset made for this (ten faces
a person); the others are their copies under other names with other draws, so that the store is as large as with real
ones. The browser and the server share the machine. Times in the browser are from the act to the page that shows it.
Beside them stands the processor time of the browser and of the server, which says more where the machine is busy.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
sys.path.insert(0, str(Path(__file__).parents[1] / "leaderboard"))

from boards import Place
from faces_folder import make_faces
from servers import running

import feab
from feab.data import read_info
from feab.leaderboard import Board, Entry, LabelSet, Sets, rebuild
from feab.leaderboard.draws import Draws
from feab.leaderboard.receiving import receive
from feab.leaderboard.records import ENTRY
from feab.leaderboard.store import SUBMISSIONS, Change, Note

REAL = 4

WATCH = """async ([act, selector, value]) => {
  const main = document.querySelector('#board-main'), one = document.querySelector(selector);
  const start = performance.now();
  const shown = new Promise((done) => new MutationObserver((_, seen) => {
    if (!main.hasAttribute('aria-busy')) { seen.disconnect(); done(); }
  }).observe(main, {attributes: true, attributeFilter: ['aria-busy']}));
  if (act === 'click') one.click();
  else { one.value = value; one.dispatchEvent(new Event(act, {bubbles: true})); }
  await shown;
  document.body.getBoundingClientRect();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - start;
}"""
"""Milliseconds from an act to the page that was laid out and drawn."""


def place_of(folder: Path, people: int) -> Place:
    """A dataset, and runs of a player with other seeds about it."""
    faces = folder / "made"
    if not faces.exists():
        make_faces(faces, people=people)
    fingerprint = read_info(faces).splits["test"].fingerprint
    runs = {
        str(seed): feab.run("baseline/uniform", "synth", data=faces, seed=seed, out=folder / "runs" / str(seed)).path
        for seed in range(REAL)
    }
    sets = Sets({"made/test": LabelSet(fingerprint, faces)})
    return Place(folder, sets, sets, runs)


def fill(board: Board, place: Place, submissions: int) -> None:
    """List the runs, then copies of them under other names, and make the table once."""
    real: list[Entry] = []
    for name in place.runs:
        verdict = receive(board, place.zipped(name), user=f"user-{name}")
        assert verdict.entry is not None, verdict.problems
        real.append(verdict.entry)
    rng = np.random.default_rng(0)
    snapshot = board.store.snapshot()
    for number in range(len(real), submissions):
        entry = real[number % len(real)]
        sha = f"{number:064x}"
        card = entry.card.model_copy(update={"name": f"lab-{number % 40}/model-{number}", "parameters": 10**7 * number})
        changed = {"id": f"20260101-{number:012x}", "card": card, "files": {**entry.files, "predictions.jsonl": sha}}
        copy = entry.model_copy(update=changed)
        files = {
            f"{SUBMISSIONS}/{copy.id}/{name}": snapshot.read(f"{SUBMISSIONS}/{entry.id}/{name}") or b""
            for name in ("manifest.json", "predictions.jsonl.gz", "card.json")
        }
        files[f"{SUBMISSIONS}/{copy.id}/{ENTRY}"] = copy.model_dump_json(by_alias=True).encode()
        note = Note("accepted", f"user-{number % 50}", f"{number:016x}", card.name, copy.id)
        board.store.change(lambda _, files=files, note=note: Change(files, note))
        shifted(board.draws, entry, copy, rng)
        sums, scores = board.draws.sums(entry), board.draws.scores(entry)
        assert sums is not None
        assert scores is not None
        board.draws.keep_sums(copy, sums)
        board.draws.keep_scores(copy, scores)
    rebuild(board.store, board.sets, board.draws)


def shifted(draws: Draws, entry: Entry, copy: Entry, rng: np.random.Generator) -> None:
    """Draws for a copy: those of the original, moved by some noise of its own."""
    kept = draws.of(entry)
    assert kept is not None
    arrays: dict[str, np.ndarray] = {}
    for number, (name, one) in enumerate(kept.items()):
        move = rng.normal(0, 0.05)
        moved = one.draws + move + rng.normal(0, 0.005, len(one.draws))
        score = dataclasses.astuple(one.score)[:4]
        told = [*(np.nan if x is None else x for x in score), one.df]
        arrays |= {
            f"draws{number}": moved,
            f"score{number}": np.array(told, dtype=np.float64),
            f"name{number}": np.array(name),
        }
    np.savez(draws._path(copy), **arrays)


@dataclass
class Clock:
    """What acts took: on the wall, and of the processor's time in browser and server."""

    server: int
    """Its process."""
    taken: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)
    """Act -> milliseconds of wall, browser and server, each time."""

    @contextmanager
    def act(self, name: str) -> Iterator[None]:
        """Time what happens until the context ends."""
        before, start = self._used(), time.perf_counter()
        yield
        wall, after = time.perf_counter() - start, self._used()
        told = (1000 * x for x in (wall, after[0] - before[0], after[1] - before[1]))
        self.taken.setdefault(name, []).append(tuple(told))  # type: ignore[arg-type]  # three of them

    def watched(self, name: str, wall: float) -> None:
        """Put a time that the browser took itself, in milliseconds, in the place of the last act's."""
        self.taken[name][-1] = (wall, *self.taken[name][-1][1:])

    def _used(self) -> tuple[float, float]:
        browser = sum(_seconds(one) for one in psutil.Process().children(recursive=True) if "chrom" in _name(one))
        return browser, _seconds(psutil.Process(self.server))


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def _seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(used.user + used.system)


def measure(url: str, clock: Clock, repeats: int) -> None:
    """Do everything several times."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for _ in range(repeats):
            context = browser.new_context(viewport={"width": 1280, "height": 844})
            page = context.new_page()
            page.set_default_timeout(120_000)
            with clock.act("first page, nothing in the browser's cache"):
                page.goto(url, wait_until="commit")
                page.wait_for_selector("#board-main:not([aria-busy]) .ranking")
            page.wait_for_function("!document.body.innerText.includes('Drawing …')")
            for name, act, selector, value in (
                ("sort", "click", "#sort-model", ""),
                ("filter: another task", "change", "#task", "synth_expression"),
                ("search", "input", "#search", "lab-7"),
            ):
                with clock.act(name):
                    wall = page.evaluate(WATCH, [act, selector, value])
                clock.watched(name, wall)
                page.wait_for_timeout(300)
            with clock.act("first page again, in the same browser"):
                page.goto(url, wait_until="commit")
                page.wait_for_selector("#board-main:not([aria-busy]) .ranking")
            context.close()
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{url}?search=user-")
        page.wait_for_selector("#board-main:not([aria-busy]) .ranking")
        for box in page.query_selector_all('input[name="models"]')[:REAL]:
            box.check()
        for name in ("compare of four, for the first time", "compare of four, again"):
            with clock.act(name):
                wall = page.evaluate(WATCH, ["click", '[data-go="compare"]', ""])
            clock.watched(name, wall)
            assert f"{REAL} models compared" in page.inner_text("#board-main")
            with clock.act(f"{name}: what stands behind it, after that"):
                page.wait_for_function("!document.body.innerText.includes('Drawing …')")
            page.go_back()
            page.wait_for_selector("#board-main:not([aria-busy]) .ranking")
            for box in page.query_selector_all('input[name="models"]')[:REAL]:
                box.check()
        browser.close()


@contextmanager
def made_or_kept(keep: Path | None, submissions: int, people: int) -> Iterator[tuple[Path, Place]]:
    """A folder with the leaderboard in its "app": made for this alone or, if it is to be kept, once for all times."""
    with tempfile.TemporaryDirectory(prefix="feab-board-speed-") as made:
        folder = Path(made) if keep is None else keep / f"{submissions}-{people}"
        if folder.exists() and keep is not None:
            yield folder, place_of(folder, people)
            return
        new = folder if keep is None else folder.with_suffix(".new")
        place = place_of(new, people)
        start = time.perf_counter()
        fill(place.board(new / "app"), place, submissions)
        print(f"{submissions:,} submissions of {10 * people:,} faces, listed in {time.perf_counter() - start:.0f} s")
        if keep is not None:
            place = place_of(new.rename(folder), people)
        yield folder, place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--people", type=int, default=300, help="ten faces each")
    parser.add_argument("--keep", type=Path, help="a folder to make the store in once, and find it in afterwards")
    parser.add_argument("--repeats", type=int, default=7, help="of all but the comparison")
    asked = parser.parse_args()
    with (
        made_or_kept(asked.keep, asked.submissions, asked.people) as (folder, place),
        running(place, folder / "app") as server,
    ):
        clock = Clock(server.process.pid)
        measure(server.url, clock, asked.repeats)
        print(f"{'milliseconds, median (at most)':<70} {'wall':>16} {'browser':>9} {'server':>9}")
        for name, times in clock.taken.items():
            wall, browser, served = (statistics.median(one) for one in zip(*times, strict=True))
            most = max(wall for wall, _, _ in times)
            print(f"{name:<70} {wall:8,.0f} ({most:5,.0f}) {browser:9,.0f} {served:9,.0f}")
        resident = psutil.Process(server.process.pid).memory_info().rss
        print(f"{'memory of the server afterwards':<70} {resident / 2**20:8,.0f} MiB")


if __name__ == "__main__":
    main()
