"""Numbers put into somebody's model card: they are there, in huggingface_hub's eyes too, and nothing else changed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index
from hypothesis import given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.runs.outside.model_card import MOST, with_results


def ours(value: float = 0.5, dataset: str = "owner/feab") -> list[dict[str, Any]]:
    one = EvalResult(
        task_type="image-text-to-text", task_name="Reading faces", dataset_type=dataset, dataset_name="synth",
        dataset_split="test", metric_type="macro_f1", metric_name="synth_expression, macro_f1", metric_value=value,
        source_name="feab", source_url=f"https://huggingface.co/datasets/{dataset}",
    )  # fmt: skip
    return eval_results_to_model_index("model", [one])


THEIRS = """\
- name: their-model  # a name of their own
  results:
  - task: {type: text-classification}
    dataset:
      name: GLUE
      type: glue
    metrics:
      - type: accuracy
        value: 0.910   # three digits
        verified: true
"""
CARDS = {
    "nothing but metadata": "---\nlicense: mit\n---\n",
    "no metadata": "# A model\n\nText.\n",
    "empty": "",
    "comments, quotes, order": "---\n# why\ntags: ['b', \"a\"]\nlicense: mit   # yes\n\nlanguage:\n- en\n---\n"
    "\nText\n---\nmore\n",
    "Windows": "---\r\nlicense: mit\r\nmodel-index:\r\n- name: a\r\n  results: []\r\n---\r\ntext\r\n",
    "no results yet": "---\nmodel-index:\n- name: a\n  results: []  # none\nlicense: mit\n---\ntext",
    "an empty index": "---\nlicense: mit\nmodel-index: []\ntags: [x]\n---\n",
    "an index of nothing": "---\nmodel-index:\nlicense: mit\n---\n",
    "theirs": f"---\nmodel-index:\n{THEIRS}\n# the licence\nlicense: mit\n---\ntext\n",
    "theirs, last": f"---\nlicense: mit\nmodel-index:\n{THEIRS}---\ntext\n",
    "theirs, indented": "---\nmodel-index:\n" + "".join(f"    {one}\n" for one in THEIRS.splitlines()) + "a: 1\n---\n",
    "two models": f"---\nmodel-index:\n{THEIRS}- name: other\n  results: []\n---\n",
    "in one line": "---\nmodel-index: [{name: a, results: [{task: {type: t}, dataset: {type: d, name: n},"
    " metrics: []}]}]\n---\n",
    "folded text": "---\ndescription: >-\n  - a\n  - b\nmodel-index:\n- name: |\n    a\n  results:\n"
    "    - task: {type: t}\n      dataset: {type: d, name: n}\n      metrics: [{type: m, value: 1, name: a\n"
    "         long}]\nx: |\n  end\n---\n\n",
    "blank lines in front": "\n\n---\nlicense: mit\n---\ntext",
}  # fmt: skip


def parts(card: bytes) -> tuple[dict[str, Any], str]:
    """The metadata and the text, as huggingface_hub reads them."""
    read = ModelCard(card.decode(), ignore_metadata_errors=True)
    begin = card.decode().index("---")
    end = card.decode().index("\n---", begin + 3)
    return yaml.safe_load(card.decode()[begin + 3 : end]) or {}, read.text


def lines_gained(before: str, after: str) -> list[str]:
    """The lines that were put in, where every line of before is still there in its order."""
    gained, left = [], before.splitlines()
    for line in after.splitlines():
        if left and line == left[0]:
            left.pop(0)
        else:
            gained.append(line)
    assert not left, left
    return gained


@pytest.mark.parametrize("name", CARDS)
def test_a_card_gains_results_and_loses_nothing(name: str) -> None:
    card = CARDS[name].encode()
    made = with_results(card, ours())
    metadata, text = parts(made)
    before, text_before = ({}, card.decode()) if not card.lstrip().startswith(b"---") else parts(card)
    assert text == text_before
    assert {k: v for k, v in metadata.items() if k != "model-index"} == {
        k: v for k, v in before.items() if k != "model-index"
    }
    models = before.get("model-index") or [{"name": "model", "results": []}]
    assert metadata["model-index"] == [
        {**models[0], "results": models[0]["results"] + ours()[0]["results"]},
        *models[1:],
    ]
    read = ModelCard(made.decode()).data.eval_results
    assert read is not None
    assert (read[-1].metric_value, read[-1].source_name, read[-1].verified) == (0.5, "feab", None)
    assert (b"\r\n" in made) == (b"\r\n" in card)
    if name == "Windows":
        assert made.count(b"\n") == made.count(b"\r\n")


@pytest.mark.parametrize("name", ["comments, quotes, order", "theirs", "theirs, last", "theirs, indented", "two models",
                                  "folded text"])  # fmt: skip
def test_every_line_stays_as_it_was(name: str) -> None:
    made = with_results(CARDS[name].encode(), ours()).decode()
    gained = lines_gained(CARDS[name], made)
    assert any("synth_expression, macro_f1" in line for line in gained)
    assert with_results(made.encode(), ours()).decode() == made  # a second time changes nothing


@pytest.mark.parametrize("name", CARDS)
def test_ours_take_the_place_of_ours_and_of_nobody_else(name: str) -> None:
    once = with_results(CARDS[name].encode(), ours(0.5))
    other = with_results(once, ours(0.4, "owner/others"))
    twice = with_results(other, ours(0.6))
    values = [(one.dataset_type, one.metric_value) for one in ModelCard(twice.decode()).data.eval_results or []]
    assert [one for one in values if one[0].startswith("owner/")] == [("owner/others", 0.4), ("owner/feab", 0.6)]
    assert ("glue", 0.91) in values or "theirs" not in name


def test_somebody_elses_result_on_the_same_faces_stays() -> None:
    other = ours(0.9)
    other[0]["results"][0]["source"] = {"name": "somebody", "url": "https://example.org"}
    card = with_results(b"", other)
    values = [one.metric_value for one in ModelCard(with_results(card, ours()).decode()).data.eval_results or []]
    assert values == [0.9, 0.5]


HOSTILE = {
    "large": (b"a" * (MOST + 1), "larger than the 1,048,576 bytes"),
    "no text": (b"---\nlicense: \xff\n---\n", "is not UTF-8"),
    "no YAML": (b"---\nlicense: [mit\n---\n", r"README.md, line 3: not valid YAML"),
    "never closed": (b"---\nlicense: mit\n# A model\n", "begin with --- and do not end"),
    "a list": (b"---\n- license\n---\n", "no mapping"),
    "a bomb": (b"---\na: &a [x, x]\nb: [*a, *a]\n---\n", "aliases"),
    "a key twice": (b"---\na: 1\na: 2\n---\n", "occurs twice"),
    "deep": (b"---\na: " + b"[" * 5000 + b"\n---\n", "not valid YAML"),
    "code": (b"---\na: !!python/object/apply:os.system [true]\n---\n", "not valid YAML"),
    "an index of words": (b"---\nmodel-index: good\n---\n", "no list of models"),
    "no results": (b"---\nmodel-index:\n- name: a\n---\n", "without a list of results"),
    "results of words": (b"---\nmodel-index:\n- name: a\n  results: 7\n---\n", "without a list of results"),
    "in braces": (b"---\n{license: mit}\n---\n", "not changed here"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_card_that_cannot_be_changed_is_named(name: str) -> None:
    card, says = HOSTILE[name]
    with pytest.raises(FeabError, match=says):
        with_results(card, ours())


KEYS = st.sampled_from(["license", "tags", "model-index", "x"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
RESULTS = st.fixed_dictionaries({"name": st.text(max_size=5), "results": st.lists(JUNK, max_size=3)})


@given(
    metadata=st.dictionaries(KEYS, JUNK | st.lists(RESULTS, max_size=2), max_size=4),
    flow=st.sampled_from([True, False, None]),
    text=st.text(max_size=30),
)
@settings(max_examples=200)
def test_whatever_a_card_holds_is_there_afterwards(metadata: dict[str, Any], flow: bool | None, text: str) -> None:
    dumped = yaml.safe_dump(metadata, default_flow_style=flow, allow_unicode=True)
    card = f"---\n{dumped}\n---\n{text}"
    try:
        made = with_results(card.encode("utf-8", "surrogatepass"), ours()).decode()
    except FeabError:
        return
    head, after = made[4:].split("\n---\n", 1)
    assert after == text
    now = yaml.safe_load(head)
    assert {k: v for k, v in now.items() if k != "model-index"} == {
        k: v for k, v in (yaml.safe_load(dumped) or {}).items() if k != "model-index"
    }
    assert now["model-index"][0]["results"][-1] == ours()[0]["results"][0]
