"""From a planned clip to its pictures: posed once at the peak, then drawn frame by frame with a share of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from feab.faces.actions import FacsAction
from feab.faces.draws import Plan
from feab.faces.forms import FORMS
from feab.faces.head import Head
from feab.faces.identity import Identity
from feab.faces.jpeg import encode_jpeg
from feab.faces.moving.plans import FRAMES, PlannedClip, clip_plans
from feab.faces.posing import pose
from feab.faces.scene import Scene, draw_scene
from feab.faces.synth import SplitSpec, split_identity
from feab.faces.visibility import VISIBILITY_PX, changed_by

_ATTEMPTS = 4  # how often a peak is posed more strongly before units that cannot be seen are left as they are
_LIDS = (5, 7)  # units of the eyelids: closed eyes show neither
_MOST_TURNED = (18.0, 10.0, 7.0)  # degrees of yaw, pitch and roll, so that no part of the face is turned away


def film(head: Head, identity: Identity, planned: PlannedClip, *, size: int) -> tuple[bytes, ...]:
    """The clip's pictures as JPEG files, in order. The same arguments always give the same bytes."""
    start = draw_scene(np.random.default_rng(planned.seed))
    peak = _peak(head, identity, planned, _turned(start, planned, planned.middle), size)
    shares = (1.0,) * FRAMES if planned.course is None else planned.course.shares
    return tuple(
        encode_jpeg(
            head.render(
                identity,
                _action(peak, share, eyes_closed=frame == planned.eyes_closed),
                _turned(start, planned, frame),
                size=size,
            )
        )
        for frame, share in enumerate(shares)
    )


def clips_of(spec: SplitSpec, index: int, *, size: int) -> Iterator[tuple[PlannedClip, tuple[bytes, ...]]]:
    """The clips of one identity in id order, one in memory at a time."""
    head = Head.load()
    identity = split_identity(spec, index)
    for planned in clip_plans(spec, index):
        yield planned, film(head, identity, planned, size=size)


def _peak(head: Head, identity: Identity, planned: PlannedClip, scene: Scene, size: int) -> FacsAction:
    """The action at the peak; units of the form that cannot be seen on this person are raised letter by letter."""
    plan = planned.plan
    for _ in range(_ATTEMPTS):
        action = pose(head, identity, plan, np.random.default_rng([*planned.seed, 6]))
        wanted = [au for au in _form_units(plan) if au in action.aus]
        if not wanted:
            break
        shot = head.shoot(identity, action, scene, size=size)
        changed = changed_by(head, shot, encode_jpeg(shot.image), wanted)
        unseen = [au for au in wanted if changed[au] < VISIBILITY_PX[au]]
        if not unseen:
            break
        plan = replace(plan, letters={au: min(5, k + (au in unseen)) for au, k in plan.letters.items()})
    return action


def _form_units(plan: Plan) -> tuple[int, ...]:
    """The units that make the form what it is; how far a mouth opens is set on the mesh, so it can be seen."""
    form = next(f for f in FORMS[str(plan.expression)] if f.name == plan.form)
    return tuple(au for au in form.letters if au not in (25, 26))


def _action(peak: FacsAction, share: float, *, eyes_closed: bool) -> FacsAction:
    aus = {au: (round(left * share, 4), round(right * share, 4)) for au, (left, right) in peak.aus.items()}
    noise = dict(peak.noise)
    if eyes_closed:
        aus = {au: sides for au, sides in aus.items() if au not in _LIDS}
        noise |= {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    return FacsAction(aus, noise, peak.sealed)


def _turned(start: Scene, planned: PlannedClip, frame: int) -> Scene:
    added = planned.turning.at(frame)
    yaw, pitch, roll = (
        min(max(angle + more, -most), most)
        for angle, more, most in zip((start.yaw, start.pitch, start.roll), added, _MOST_TURNED, strict=True)
    )
    return replace(start, yaw=yaw, pitch=pitch, roll=roll)
