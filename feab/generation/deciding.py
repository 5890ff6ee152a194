"""What to do next with each face, and what becomes of it in the end.

Every face is asked in the pilot's contexts. Then, as long as one more context promises more correct labels than it
costs (the one-step value of information), or until it is sure: one more. Levels that are still unsure are shown to the
verifier, each thing once. What is sure enough is accepted, the rest rejected; human labels stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.generation.fitted import AXES, ErrorModel
from feab.generation.information import gains
from feab.generation.posterior import truth
from feab.generation.record import (
    LEVELS,
    Annotation,
    FaceDraws,
    Level,
    LevelAnnotation,
    Value,
)
from feab.generation.settings import Settings
from feab.generation.standing import accepted, confidence, settled, values
from feab.generation.tally import Floats, Tally, tally
from feab.generation.uncertainty import uncertainties
from feab.generation.verifying import first_verdicts
from feab.generation.worth import Candidate, Step, to_verify
from feab.knowledge import Given, JointModel, Posterior

__all__ = ["Candidate", "Settings", "Step", "annotate_faces", "next_step"]


def next_step(
    faces: Sequence[FaceDraws],
    given: Sequence[Given],
    missing: Sequence[Sequence[Level]],
    model: ErrorModel,
    knowledge: JointModel,
    settings: Settings,
) -> list[tuple[Step, Candidate | None]]:
    """For each face: ask in one more context, verify a candidate, or stop.

    Args:
        faces: what was said of them so far.
        given: the human labels that the annotator sees.
        missing: the levels of each face that are annotated.
        model: the annotator's errors; before it is fitted, `fit_error_model` of no faces.
        knowledge: of what goes together.
        settings: see there.

    Returns:
        (step, what to verify): (about, candidate, foil), None unless the step is "verify". Foils are the runner-up of
        an expression, the opposite of an AU, and empty for valence and arousal.
    """
    _same_length(faces, given, missing)
    said = tally(faces, model.aus)
    contexts = said.contexts
    steps: list[tuple[Step, Candidate | None]] = [("ask", None) if levels else ("stop", None) for levels in missing]
    rows = [row for row, levels in enumerate(missing) if levels and contexts[row] >= settings.pilot_contexts]
    if not rows:
        return steps
    chosen = [faces[row] for row in rows]
    found = truth(chosen, [given[row] for row in rows], model, knowledge)
    part = said.take(np.array(rows))
    undecided = _undecided(found, [missing[row] for row in rows], model, settings)
    promised = np.zeros(len(rows))
    for level, gain in gains(part, found, model, settings).items():
        promised += np.where(undecided[level], gain, 0)
    another = (contexts[rows] < settings.most_contexts) & (promised >= settings.price) & (promised > 0)
    for place, row in enumerate(rows):
        if another[place]:
            continue
        levels = [level for level in LEVELS if undecided[level][place]]
        candidate = to_verify(part, found, place, levels, first_verdicts(chosen[place]), model, settings)
        steps[row] = ("stop", None) if candidate is None else ("verify", candidate)
    return steps


def _undecided(
    found: Posterior, missing: Sequence[Sequence[Level]], model: ErrorModel, settings: Settings
) -> dict[Level, npt.NDArray[np.bool_]]:
    """Level -> faces that lack it and are not sure of it."""
    return {
        level: np.array([level in levels for levels in missing], bool) & ~settled(found, level, model, settings)
        for level in LEVELS
    }


def _same_length(*columns: Sequence[object]) -> None:
    if len({len(column) for column in columns}) > 1:
        raise FeabError(f"faces and what is known of them differ in number: {', '.join(str(len(c)) for c in columns)}")


def annotate_faces(
    faces: Sequence[FaceDraws],
    given: Sequence[Given],
    human: Sequence[Mapping[Level, Value]],
    missing: Sequence[Sequence[Level]],
    model: ErrorModel,
    knowledge: JointModel,
    settings: Settings,
) -> list[Annotation]:
    """The final annotation of every face: human levels as they are, the missing ones accepted or rejected.

    Uncertainties are those of the pilot, whose design does not depend on what was said: asking on selects on agreement.

    Args:
        faces: what was said of them.
        given: the human labels that the annotator saw.
        human: level -> value, kept whatever was said.
        missing: the levels of each face that were annotated.
        model: the annotator's errors.
        knowledge: of what goes together.
        settings: see there.
    """
    _same_length(faces, given, human, missing)
    if not faces:
        return []
    said = tally(faces, model.aus)
    found = truth(faces, given, model, knowledge)
    generated = {level: _generated(faces, said, found, level, model, settings) for level in LEVELS}
    annotations = []
    for row, face in enumerate(faces):
        levels: dict[Level, LevelAnnotation] = {}
        for level in LEVELS:
            if level in human[row]:
                levels[level] = LevelAnnotation(human[row][level], "human")
            elif level in missing[row]:
                levels[level] = generated[level][row]
        annotations.append(Annotation(face.sample, levels))
    return annotations


def _generated(
    faces: Sequence[FaceDraws], said: Tally, found: Posterior, level: Level, model: ErrorModel, settings: Settings
) -> list[LevelAnnotation]:
    sure, samples = confidence(found, level, model, settings), _read(said, level)
    # What only knowledge says is no annotation: without a draw that could be read, nothing is accepted (our choice).
    fine = accepted(found, level, model, settings) & (samples > 0)
    unsure = uncertainties(said.first(settings.pilot_contexts), level)
    total, epistemic = unsure.total.mean(axis=1), unsure.epistemic.mean(axis=1)
    return [
        LevelAnnotation(
            value=value,
            source="generated" if fine[row] else "rejected",
            confidence=float(sure[row]),
            total_uncertainty=_number(total[row]),
            epistemic_uncertainty=_number(epistemic[row]),
            samples=int(samples[row]),
            verification=_rulings(faces[row], level, model.aus),
            details=_details(found, row) if level == "action_units" else {},
        )
        for row, value in enumerate(values(found, level))
    ]


def _read(said: Tally, level: Level) -> Floats:
    """Draws that were read for a level, (n,)."""
    reads = {
        "expression": said.expressions.sum(axis=-1),
        "valence_arousal": said.affect_reads,
        "action_units": said.unit_reads,
    }
    return np.asarray(reads[level].sum(axis=1))


def _rulings(face: FaceDraws, level: Level, aus: Sequence[int]) -> dict[str, str]:
    """What the verifier said of a level: about -> candidate and ruling."""
    own = {"expression": ("expression",), "valence_arousal": AXES, "action_units": tuple(map(str, aus))}[level]
    rulings = {about: verdict for about, verdict in first_verdicts(face).items() if about in own}
    return {about: f"{verdict.candidate}: {verdict.ruling or 'unreadable'}" for about, verdict in rulings.items()}


def _details(found: Posterior, row: int) -> dict[str, float]:
    return {str(au): round(float(p), 4) for au, p in zip(found.aus, found.action_units[row], strict=True)}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
