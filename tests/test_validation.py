"""`feab.validate`: what a path is, is told from its content; all that feab ships is clean; nothing crashes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import feab
from feab.content import shipped
from feab.data.places import embedded_folder
from feab.errors import FeabError
from feab.problems import Problem
from feab.validation import Checked, check

CARD = "name: mine\nadapter: baseline/uniform\naccess: open\nlicence: MIT\nintended_use: tests\n"


@pytest.mark.parametrize("kind", ["tasks", "models", "training"])
def test_all_content_that_feab_ships_is_clean(kind):
    found = list(check(shipped(kind)))
    assert found
    assert [problem for checked in found for problem in checked.problems] == []
    assert {checked.kind for checked in found} == {{"tasks": "task", "models": "card", "training": "recipe"}[kind]}


def test_the_embedded_faces_are_clean():
    assert feab.validate(embedded_folder()) == []


def test_a_fresh_run_is_clean_under_every_prompt_and_draw(tmp_path):
    run = feab.run("baseline/uniform", prompts="all", draws=2, limit=12, out=tmp_path / "run")
    assert feab.validate(run.path) == []
    assert feab.validate(run.path / "manifest.json") == []
    (tmp_path / "linked").symlink_to(run.path)
    assert feab.validate(tmp_path / "linked") == []


def test_a_folder_of_everything(tmp_path):
    (tmp_path / "tasks").mkdir()
    text = (shipped("tasks") / "synth_expression.yaml").read_text(encoding="utf-8")
    (tmp_path / "tasks" / "mine.yaml").write_text(text.replace("task: synth_expression", "task: mine"))
    (tmp_path / "tasks" / "foreign.yaml").write_text(
        "task: foreign\ndataset_path: imagefolder\nmetadata: {version: 1}\n"
    )
    (tmp_path / "tasks" / "_template.yaml").write_text("kind: [\n")
    (tmp_path / "other.yaml").write_text(CARD.replace("mine", "other"))
    (tmp_path / "recipe.yml").write_text((shipped("training") / "tiny.yaml").read_text().replace("[synth]", "[mine]"))
    (tmp_path / "compose.yaml").write_text("services: &a {x: 1}\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "notes.txt").write_text("adapter: x\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text("adapter: x\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("{}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.json").write_text("{}")
    os.mkfifo(tmp_path / "pipe.yaml")
    found = {checked.path.name: checked for checked in check(tmp_path)}
    assert {name: one.kind for name, one in found.items()} == {
        "mine.yaml": "task", "other.yaml": "card", "recipe.yml": "recipe", "run": "run", "data": "dataset",
    }  # fmt: skip
    assert not found["recipe.yml"].errors
    assert found["run"].errors
    assert found["data"].errors


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("task: mine\nmetadata: {kind: expression}\n", "task", "lacks 'labels'"),
        ("tsk: mine\nmetadata: {kind: expression, data: x}\noutput_type: x\n", "task", "lacks 'task'"),
        ("task: mine\nmetadata: {kinds: expression, data: x, split: y, prompts: z}\n", "task", "lacks 'kind'"),
        ("group: mine\n", "task", "lacks 'task'"),
        (CARD.replace("adapter", "adaptor"), "card", "adapter: field required"),
        ("method: scratch\n", "recipe", "field required"),
        ("metod: scratch\nvision: {}\nlanguage: {}\n", "recipe", "method None is not known"),
        ("adapter: [\n", "card", "not valid YAML"),
        ("task: &a x\nkind: *a\n", "task", "anchors and aliases"),
        ("hello: world\n", "unknown", "is no file that feab knows"),
        ("- 1\n", "unknown", "must be a mapping"),
        ("\x00", "unknown", "not valid YAML"),
        ("", "unknown", "must be a mapping"),
    ],
)
def test_what_a_file_is_meant_to_be(tmp_path, text, kind, says):
    (tmp_path / "mine.yaml").write_text(text)
    (found,) = check(tmp_path / "mine.yaml")
    assert found.kind == kind
    assert any(says in str(problem) for problem in found.problems), found.problems


def test_where_nothing_is_to_check_that_is_said(tmp_path):
    with pytest.raises(FeabError, match="no such file or folder"):
        feab.validate(tmp_path / "gone")
    (problem,) = feab.validate(tmp_path)
    assert "holds no task, model card" in problem.message
    os.mkfifo(tmp_path / "pipe.yaml")
    (problem,) = feab.validate(tmp_path / "pipe.yaml")
    assert "not a file" in problem.message
    (tmp_path / "link.yaml").symlink_to("nowhere")
    (problem,) = feab.validate(tmp_path / "link.yaml")
    assert "cannot read it" in problem.message


def test_it_says_what_it_checked(tmp_path):
    (tmp_path / "mine.yaml").write_text(CARD)
    assert list(check(tmp_path)) == [Checked(tmp_path / "mine.yaml", "card", "model card mine", ())]


def test_listing_and_cards_need_no_heavy_library(tmp_path):
    (tmp_path / "mine.yaml").write_text(CARD)
    code = (
        "import sys, feab; assert feab.validate(sys.argv[1]) == []; "
        "print({'torch', 'transformers', 'datasets', 'pyarrow', 'lm_eval'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from([
                "task: a", "group: b", "adapter: hf/x", "method: scratch", "metadata:", "  kind: expression", "- x",
                "  prompts: {a: b}", "access: open", "args: {}", "vision: 3", "tasks: [synth]", "  labels: [a]", "? 1",
            ]),
            max_size=8,
        ).map(lambda lines: "\n".join(lines).encode()),
    )
)  # fmt: skip
def test_any_bytes_give_problems_and_nothing_worse(tmp_path, data):
    (tmp_path / "x.yaml").write_bytes(data)
    assert all(isinstance(problem, Problem) for problem in feab.validate(tmp_path / "x.yaml"))
    assert all(isinstance(problem, Problem) for problem in feab.validate(tmp_path))
