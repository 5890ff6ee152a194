"""Prompt wording: the allowed part of Jinja works, the rest is refused when the file is loaded."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.tasks.template import Template

VALUES = {"labels": ("anger", "fear"), "aus": (1, 12), "axes": (), "definitions": {"anger": "<lips> & brows"}}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ labels | join(', ') }}", "anger, fear"),
        ("{% for a in aus %}{{ a }}{{ '' if loop.last else ';' }}{% endfor %}", "1;12"),
        ("{{ definitions['anger'] }}", "<lips> & brows"),
        ("{% if aus %}{{ labels[0] | upper }}{% endif %}", "ANGER"),
        ('Answer {"x": "..."}', 'Answer {"x": "..."}'),
    ],
)
def test_what_prompts_may_do(source, text):
    assert Template(source).render(VALUES) == text


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(10) %}x{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ labels | join('x') | join('y') }}",
        "{{ labels | join(labels | join('y')) }}",
        "{% for a in labels | join('x') %}{% endfor %}",
        "{% for a in aus %}{% for b in aus %}{% for c in aus %}x{% endfor %}{% endfor %}{% endfor %}",
        "{{ labels.__class__ }}",
        "{{ definitions.items() }}",
        "{{ ''.__class__.__mro__ }}",
        "{% set x = labels %}{{ x }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}x",
        "{{ lipsum() }}",
        "{{ self }}",
        "{{ truth }}",
        "{{ 'a' ~ 'b' }}",
        "{{ labels | map('upper') | list }}",
        "{{",
        "x" * 9000,
    ],
)
def test_what_prompts_may_not_do(source):
    with pytest.raises(FeabError):
        Template(source)


def test_a_text_that_is_empty_or_too_long_is_refused():
    with pytest.raises(FeabError, match="empty text"):
        Template("{% if aus[0] == 99 %}x{% endif %}").render(VALUES)
    long = Template("{% for a in aus %}{% for b in aus %}" + "x" * 7000 + "{% endfor %}{% endfor %}")
    with pytest.raises(FeabError, match="at most 20000"):
        long.render(VALUES)


@given(st.text(alphabet="{}%|'().[]-+*~ forinlabelsaus0123456789joindefinitions", max_size=60))
def test_any_template_renders_or_is_refused(source):
    with contextlib.suppress(FeabError):
        assert len(Template(source).render(VALUES)) <= 20_000
