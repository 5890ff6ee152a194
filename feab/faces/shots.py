"""One picture of a split, made: posed, rendered, checked for what can be seen; and the facts its labels come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from feab.faces.actions import FacsAction
from feab.faces.draws import Plan
from feab.faces.forms import FORMS
from feab.faces.head import Head
from feab.faces.identity import Identity
from feab.faces.jpeg import encode_jpeg
from feab.faces.posing import pose
from feab.faces.recipes import intensity_value, measured_intensities
from feab.faces.scene import draw_scene
from feab.faces.synth import Planned, SplitSpec, split_identity, split_plans
from feab.faces.visibility import VISIBILITY_PX, changed_by

_ATTEMPTS = 6  # how often a picture is made before AUs of its form that cannot be seen are left as traces


@dataclass(frozen=True, slots=True)
class RenderedFace:
    """A rendered picture and what was measured on it; labels are a function of this (`labels.py`).

    Attributes:
        jpeg: the picture as stored.
        amounts: AU -> (left, right) share of the largest displacement we render.
        lip_gap, chin_drop: `Head.measure` of the deformed mesh, in interocular distances.
        changed: AU of intensity B or more -> pixels that change when it is taken away.
        face: x, y, width, height of the face in pixels.
    """

    jpeg: bytes
    amounts: Mapping[int, tuple[float, float]]
    lip_gap: float
    chin_drop: float
    changed: Mapping[int, int]
    face: tuple[float, float, float, float]

    def facts(self) -> str:
        """Everything but the picture, as JSON."""
        return json.dumps({
            "amounts": {str(au): list(sides) for au, sides in self.amounts.items()},
            "lip_gap": self.lip_gap, "chin_drop": self.chin_drop,
            "changed": {str(au): n for au, n in self.changed.items()}, "face": list(self.face),
        })  # fmt: skip

    @staticmethod
    def from_facts(jpeg: bytes, facts: str) -> RenderedFace:
        """The shot again from its picture and `facts()`."""
        f = json.loads(facts)
        x, y, w, h = (float(v) for v in f["face"])
        amounts = {int(au): (float(left), float(right)) for au, (left, right) in f["amounts"].items()}
        changed = {int(au): int(n) for au, n in f["changed"].items()}
        return RenderedFace(jpeg, MappingProxyType(amounts), float(f["lip_gap"]), float(f["chin_drop"]),
                    MappingProxyType(changed), (x, y, w, h))  # fmt: skip


def shown_intensities(head: Head, identity: Identity, action: FacsAction) -> tuple[dict[int, int], float, float]:
    """AU -> intensity 0 to 5 as posed (25 and 26 as measured), then lip gap and chin drop."""
    measures = head.measure(identity, action)
    found = {au: intensity_value(au, max(sides)) for au, sides in action.aus.items() if au not in (25, 26)}
    return found | measured_intensities(measures), measures.lip_gap, measures.chin_drop


def take_shot(head: Head, identity: Identity, planned: Planned, *, size: int) -> RenderedFace:
    """Pose, render and check one picture.

    When an AU of the planned form cannot be seen on this person, it is raised by a letter and the picture made again,
    from the third time on in another light, so that a face with a class label shows what the class is named for.
    """
    plan = planned.plan
    for attempt in range(_ATTEMPTS):
        light = (attempt - 1,) if attempt >= 2 else ()
        scene = draw_scene(np.random.default_rng([*planned.scene_seed, *light]))
        action = pose(head, identity, plan, np.random.default_rng([*planned.scene_seed, 6]))
        found, gap, drop = shown_intensities(head, identity, action)
        shot = head.shoot(identity, action, scene, size=size)
        jpeg = encode_jpeg(shot.image)
        positives = tuple(sorted(au for au, intensity in found.items() if intensity >= 2))
        changed = changed_by(head, shot, jpeg, positives)
        unseen = [au for au in _form_aus(plan) if changed.get(au, 0) < VISIBILITY_PX[au]]
        if not unseen:
            break
        plan = replace(plan, letters={au: min(5, k + (au in unseen)) for au, k in plan.letters.items()})
    face = head.face_box(identity, action, scene, size=size)
    return RenderedFace(jpeg, action.aus, gap, drop, MappingProxyType(changed), face)


def _form_aus(plan: Plan) -> tuple[int, ...]:
    """AUs of the plan's form that are set by amount: 25 and 26 are set by what the mesh shows."""
    if plan.expression is None:
        return ()
    form = next(f for f in FORMS[plan.expression] if f.name == plan.form)
    return tuple(au for au in form.letters if au not in (25, 26))


def identity_shots(spec: SplitSpec, index: int, *, size: int) -> Iterator[tuple[Planned, RenderedFace]]:
    """The pictures of one identity in id order; the same arguments always give the same bytes."""
    head = Head.load()
    identity = split_identity(spec, index)
    for planned in split_plans(spec, index):
        yield planned, take_shot(head, identity, planned, size=size)
