"""The age-gender-race prompt: what a dataset says of a person's attributes, put into words before a question.

EMO-LLaMA (Xing et al. 2024) tells its model age, gender and race so; its sentence is not published, this one is ours.
The attributes are the dataset's own, in its own words, and nothing is said of one that it does not have: feab ships and
calls no classifier of them. Off unless a task or a recipe asks for it, since a model that is told who is shown may
answer from that instead of from the face; scores for each group show what it changes.
"""

from __future__ import annotations

from typing import Literal

from feab.records import Sample

Attributes = Literal["agr"]
"""What may be told: age group, gender, race."""

ATTRIBUTES = ("age_group", "perceived_gender", "perceived_race", "ancestry_preset")
"""The columns of it; the last one of rendered heads, which have no race."""

_BEGIN = "The dataset describes this person so: "


def attribute_words(sample: Sample) -> str:
    """What a dataset says of a person, in a sentence; empty where it says nothing."""
    known = ((name, getattr(sample, name)) for name in ATTRIBUTES)
    said = [f"{name.replace('_', ' ')} {_plain(value)}" for name, value in known if value]
    return f"{_BEGIN}{', '.join(said)}." if said else ""


def told(question: str, words: str) -> str:
    """A question with the attributes before it."""
    return f"{words}\n{question}" if words else question


def words_before(text: str) -> str:
    """The attributes with which a question's text begins; empty where there are none."""
    return text.partition("\n")[0] if text.startswith(_BEGIN) else ""


def _plain(value: str) -> str:
    """A dataset's word on one line, of bounded length: it is put into a prompt."""
    return " ".join(value.split())[:60]
