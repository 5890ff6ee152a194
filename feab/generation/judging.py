"""What SV-UAMC makes of answers: error models from the calibrating faces, the next step, and annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from feab.generation.asking import Check
from feab.generation.deciding import annotate_faces, next_step
from feab.generation.error_model import ErrorModel, fit_error_model
from feab.generation.faces import Face
from feab.generation.record import LEVELS, Annotation, Level, LevelAnnotation
from feab.generation.settings import Settings
from feab.knowledge import JointModel

_DIGITS = 4


class Judge:
    """Decides, by error models that are fitted as answers come.

    The provisional one is fitted to the pilots of the calibrating faces, and decides how these go on; the final one to
    all that was said of them then, by the same procedure as the others go through. It decides what is annotated.
    """

    def __init__(
        self, settings: Settings, knowledge: JointModel, on_fitting: Callable[[float], None] | None = None
    ) -> None:
        """`on_fitting`: called with the share that is done while an error model is fitted, in the thread that does."""
        self._settings, self._knowledge, self._on_fitting = settings, knowledge, on_fitting
        # The verifier's rates are learnt from these, whatever its verdicts could change.
        always = settings.verify != "never"
        self._calibrating = replace(settings, verify="always") if always else settings
        self.provisional: ErrorModel | None = None
        self.final: ErrorModel | None = None

    def fitting_provisional(self, faces: Sequence[Face]) -> Callable[[], ErrorModel]:
        """What fits it to the pilots of these faces; can be called in another thread, and takes its time."""
        return self._fitting(faces, self._settings.pilot_contexts)

    def fitting_final(self, faces: Sequence[Face]) -> Callable[[], ErrorModel]:
        """What fits it to all that was said of these faces; the same."""
        return self._fitting(faces, None)

    def _fitting(self, faces: Sequence[Face], contexts: int | None) -> Callable[[], ErrorModel]:
        return partial(
            fit_error_model,
            [face.said(contexts) for face in faces],
            [face.truth for face in faces if face.truth is not None],
            self._knowledge,
            [face.given for face in faces],
            self._settings,
            clusters=[face.cluster for face in faces],
            progress=self._on_fitting,
        )

    def steps(self, faces: Sequence[Face], *, calibrating: bool) -> list[int | Check | None] | None:
        """What each face is asked next: in a further context, of that number, or a check; None where it is decided.

        None for all while the error model that decides is not fitted.
        """
        model = self.provisional if calibrating else self.final
        if model is None:
            return None
        found = next_step(
            [face.said() for face in faces],
            [face.given for face in faces],
            [face.missing if calibrating else self._hopeful(face, model) for face in faces],
            model,
            self._knowledge,
            self._calibrating if calibrating else self._settings,
        )
        return [
            None if step == "stop" or self._is_mute(face) else len(face.contexts()) if check is None else Check(*check)
            for face, (step, check) in zip(faces, found, strict=True)
        ]

    def _is_mute(self, face: Face) -> bool:
        """Whether nothing could be read in the pilot and one more context: refused, for good (our choice)."""
        asked_on = len(face.contexts()) > self._settings.pilot_contexts
        return asked_on and not any(getattr(draw, level) is not None for draw in face.draws for level in LEVELS)

    def _hopeful(self, face: Face, model: ErrorModel) -> list[Level]:
        """The missing levels of which anything can be accepted: asking on for the others would be for nothing."""
        return [
            level
            for level in face.missing
            if model.thresholds.get(level) is not None
            or (self._settings.unlabelled is not None and not model.calibrated.get(level, False))
        ]

    def annotations(self, faces: Sequence[Face]) -> list[Annotation]:
        """Of faces that are decided."""
        if not faces:
            return []
        assert self.final is not None
        found = annotate_faces(
            [face.said() for face in faces],
            [face.given for face in faces],
            [face.human for face in faces],
            [face.missing for face in faces],
            self.final,
            self._knowledge,
            self._settings,
        )
        return [
            replace(one, levels={level: _rounded(found) for level, found in one.levels.items()} | human_levels(face))
            for face, one in zip(faces, found, strict=True)
        ]


def _rounded(found: LevelAnnotation) -> LevelAnnotation:
    """With as many digits as mean anything: the last ones depend on which faces were decided together."""
    value = found.value
    return replace(
        found,
        value=(round(value[0], _DIGITS), round(value[1], _DIGITS)) if isinstance(value, tuple) else value,
        confidence=_round(found.confidence),
        total_uncertainty=_round(found.total_uncertainty),
        epistemic_uncertainty=_round(found.epistemic_uncertainty),
    )


def _round(number: float | None) -> float | None:
    return None if number is None else round(number, _DIGITS)


def human_levels(face: Face) -> dict[Level, LevelAnnotation]:
    """The levels that people labelled. Of action units, `details` says which were coded, as 1 and 0."""
    coded = {str(au): float(present) for au, present in face.given.action_units.items()}
    return {
        level: LevelAnnotation(value, "human", details=coded if level == "action_units" else {})
        for level, value in face.human.items()
    }
