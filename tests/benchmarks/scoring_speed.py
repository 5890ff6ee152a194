"""How long scoring takes: 4,000 faces of all three kinds with 1,000 resamples, beside scikit-learn per resample.

    OMP_NUM_THREADS=1 python tests/benchmarks/scoring_speed.py [--resamples N] [--no-peer]

The peer does what most evaluation scripts do: draw clusters, gather their faces, call the metric, a thousand times,
for the three primaries only. feab's time covers every score, its interval, the bootstrap of all of them, and overall.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from feab import metrics
from feab.vocabulary import EXPRESSIONS, FEAB_17


def data(n: int, groups: int):
    """Faces of `groups` identities with labels and a middling model's answers, 3 % of them missing."""
    rng = np.random.default_rng(0)
    clusters = [f"id{i % groups:03d}" for i in range(n)]
    truth = rng.integers(0, 8, n)
    said = np.where(rng.random(n) < 0.5, truth, rng.integers(0, 8, n))
    va = np.clip(rng.normal(0, 0.4, (n, 2)), -1, 1)
    said_va = np.clip(0.6 * va + rng.normal(0, 0.3, (n, 2)), -1, 1)
    au = (rng.random((n, len(FEAB_17))) < 0.2).astype(float)
    said_au = np.where(rng.random(au.shape) < 0.75, au, 1 - au)
    silent = rng.random(n) < 0.03
    said_va[silent] = said_au[silent] = np.nan
    labels = [EXPRESSIONS[i] for i in truth]
    answers = [None if s else EXPRESSIONS[i] for i, s in zip(said, silent, strict=True)]
    return clusters, labels, answers, va, said_va, au, said_au


def feab_scores(clusters, labels, answers, va, said_va, au, said_au, resamples):
    """Every score with both kinds of interval, and overall."""
    tasks = [
        metrics.expression_sums(labels, answers, EXPRESSIONS, clusters=clusters),
        metrics.valence_arousal_sums(va, said_va, clusters=clusters, within=labels),
        metrics.action_unit_sums(au, said_au, FEAB_17, clusters=clusters),
    ]
    shown = [metrics.estimates(task) for task in tasks]
    drawn = [metrics.estimates(task, method="bootstrap", resamples=resamples) for task in tasks]
    return shown, drawn, metrics.overall(tasks, resamples=resamples)


def peer_scores(clusters, labels, answers, va, said_va, au, said_au, resamples):
    """Percentiles of the three primaries, faces gathered and scored by scikit-learn and numpy in each resample."""
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    number = {label: i for i, label in enumerate(EXPRESSIONS)}
    truth = np.array([number[x] for x in labels])
    said = np.array([number.get(x, 8) for x in answers])
    said_va = np.where(np.isnan(said_va), 2 * va.mean(0) - va, said_va)
    said_au = np.nan_to_num(said_au)
    names, of = np.unique(clusters, return_inverse=True)
    faces_of = [np.flatnonzero(of == g) for g in range(len(names))]
    found = []
    for _ in range(resamples):
        i = np.concatenate([faces_of[g] for g in rng.integers(0, len(names), len(names))])
        macro = f1_score(truth[i], said[i], labels=range(8), average="macro", zero_division=0)
        x, y = va[i], said_va[i]
        cov = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
        ccc = (2 * cov / (x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2)).mean()
        found.append((macro, ccc, f1_score(au[i], said_au[i], average="macro", zero_division=0)))
    return np.percentile(found, [2.5, 97.5], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=4000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    for groups in (72, options.faces):
        given = data(options.faces, groups)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            result = feab_scores(*given, options.resamples)
            times.append(time.perf_counter() - start)
        print(
            f"{options.faces} faces, {groups} clusters, {options.resamples} resamples: feab {min(times):.3f} s "
            f"(best of {len(times)}; first {times[0]:.3f} s), {sum(len(part) for part in result[0])} scores with "
            "jackknife and bootstrap intervals, and overall"
        )
        if not options.no_peer:
            start = time.perf_counter()
            peer_scores(*given, options.resamples)
            print(f"  scikit-learn and numpy per resample, three primaries: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
