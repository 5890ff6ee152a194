"""A panel as an annotator: supervised networks in place of prompts, each context of SEKE another one of them.

    python generation/studies/real.py --model panel --given action_units valence_arousal --out panel/

Networks do not read a prompt, so that one alone says the same in every context, and the study's measure of sensitivity
to context is zero. Ten voters that do differ: three networks trained on photographs, each shown wider and narrower
parts of the picture. What one of them says it says in every draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing

from feab.generation.asked import read_prompt
from feab.models import Model, load_model
from feab.models.protocol import ModelInfo
from feab.records import Completion, Question

NAME = "panel"
MEMBERS: tuple[tuple[str, float], ...] = (
    *((f"baseline/{network}", crop) for crop in (0.7, 0.8, 0.9) for network in ("face-api", "facex", "fer")),
    ("baseline/face-api", 1.0),
)
"""Model and crop of each context; neighbours are of different networks."""


class Panel:
    """Asks one model in each context, as many as there are in turn; the first one verifies."""

    def __init__(self, members: Sequence[Model]) -> None:
        """`members`: of one kind; closed with the panel."""
        self._members = members
        info = members[0].info
        self.info = ModelInfo(
            name=NAME,
            adapter=NAME,
            adapter_version="1",
            revision=None,
            args_that_change_answers={"members": [f"{one.name} {one.info.revision}" for one in members]},
            kinds=info.kinds,
            most_pictures=info.most_pictures,
        )

    @property
    def name(self) -> str:
        """What it is called."""
        return NAME

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer in the order asked."""
        for question in questions:
            about = read_prompt(question.prompt)
            member = self._members[about % len(self._members) if isinstance(about, int) else 0]
            yield from member.generate([question])

    def close(self) -> None:
        """Release all networks. Harmless when called twice."""
        for member in self._members:
            member.close()


def open_panel() -> Panel:
    """The networks of `MEMBERS`.

    Raises:
        FeabError: when weights or a library are missing, with what to do.
    """
    with ExitStack() as held:
        opened = [held.enter_context(closing(load_model(name, crop=crop))) for name, crop in MEMBERS]
        held.pop_all()
    return Panel(opened)
