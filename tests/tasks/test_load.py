"""Task files: what is accepted, and that every mistake is named with file and line."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.tasks import list_groups, list_tasks, load_tasks
from feab.tasks.load import task_from_metadata
from feab.tasks.read import parse_yaml

GOOD = """\
task: mine
custom_dataset: !function feab.tasks.lm_eval.dataset
test_split: test
generation_kwargs: {until: [], max_gen_toks: 8}
metadata:
  kind: expression
  version: 2
  data: synth
  split: test
  labels: [neutral, anger]
  definitions: {anger: "brows drawn together"}
  prompts:
    direct: {text: "One of {{ labels | join(', ') }}?", max_tokens: 8}
"""


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_tasks_and_their_group():
    assert {"synth_action_units", "synth_dynamic_expression", "synth_expression", "synth_valence_arousal"} <= {
        t.name for t in list_tasks()
    }
    names = ("synth_expression", "synth_valence_arousal", "synth_action_units")
    assert list_groups()["synth"] == names
    tasks = load_tasks("synth")
    assert tuple(t.name for t in tasks) == names
    assert {t.kind for t in tasks} == {"expression", "valence_arousal", "action_units"}
    for task in tasks:
        assert list(task.prompts) == ["direct", "json", "definitions", "reason", "shuffled"]
        assert task.prompts["reason"].max_tokens == 512
        assert len(task.prompt_text("direct")) < 240
        for name in task.prompts:
            assert "feel" not in task.prompt_text(name)


def test_clips_have_a_group_of_their_own():
    (task,) = load_tasks("synth_dynamic")
    assert "synth_dynamic_expression" not in list_groups()["synth"]
    assert (task.dataset, str(task.frames)) == ("synth_dynamic", "uniform:8")
    assert list(task.prompts) == ["direct", "json", "definitions", "reason", "shuffled"]
    assert task.labels == load_tasks("synth_expression")[0].labels


def test_names_in_the_order_given_each_once():
    names = [t.name for t in load_tasks(["synth_action_units, synth_expression", "synth"])]
    assert names == ["synth_action_units", "synth_expression", "synth_valence_arousal"]


def test_a_users_folder_adds_tasks_and_wins_over_a_shipped_one(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("task: mine", "task: synth_expression"), "other.yaml")
    mine, expression = load_tasks("mine,synth_expression", [tmp_path])
    assert mine.labels == expression.labels == ("neutral", "anger")
    assert mine.version == "2.0"
    assert mine.prompt_text("direct") == "One of neutral, anger?"
    assert "mine" in [t.name for t in list_tasks([tmp_path])]


def test_another_lm_eval_task_in_the_folder_is_let_be(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, "task: foreign\ndataset_path: imagefolder\nprocess_docs: !function utils.x\n", "foreign.yaml")
    write(tmp_path, "just: a template\n", "_template.yaml")
    assert "foreign" not in [t.name for t in list_tasks([tmp_path])]
    with pytest.raises(FeabError, match=r"foreign\.yaml, line 1: lacks 'metadata'"):
        load_tasks("foreign", [tmp_path])


def test_listing_imports_nothing_heavy_and_never_the_functions_a_file_names(tmp_path):
    write(tmp_path, GOOD.replace("feab.tasks.lm_eval.dataset", "antigravity.fly"))
    code = (
        "import sys; from feab.tasks import list_tasks; "
        f"assert 'mine' in [task.name for task in list_tasks([{str(tmp_path)!r}])]; "
        "print([m for m in ('antigravity','pandas','numpy','datasets','torch','jinja2','lm_eval') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "antigravity" not in done.stdout
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: expression", "kind: emotion", "line 6: metadata.kind: must be one of expression"),
        ("  kind: expression\n", "", "lacks 'kind'"),
        ("[neutral, anger]", "[neutral, neutral]", "line 10: metadata.labels: must be 2 to"),
        ("[neutral, anger]", "[neutral, 3]", r"line 10: metadata.labels\[1\]: must be text"),
        ("[neutral, anger]", "[neutral, Anger]", "lower case"),
        ("[neutral, anger]", "neutral", "must be a list, not text"),
        ("anger: \"brows", "rage: \"brows", "line 11: metadata.definitions.rage: defines something"),
        ("  split: test\n", "  split: test\n  frames: 8\n", "metadata.frames: must be text"),
        ("  split: test\n", "  split: test\n  frames: often\n", "metadata.frames: frames 'often': write uniform:N"),
        ("  split: test\n", "  split: test\n  attributes: all\n", "metadata.attributes: must be agr"),
        ("version: 2", "version: [2]", "line 7: metadata.version"),
        ("version: 2", 'version: "<2"', "line 7: metadata.version: may not hold <"),
        ("  split: test\n", "  split: te-st\n", "metadata.split: must start with a letter"),
        ("data: synth", "data: ../../etc", "line 8: metadata.data"),
        ("  split: test", "  split: train", "line 3: test_split: must equal metadata.split"),
        ("max_gen_toks: 8", "max_gen_toks: 9", "generation_kwargs.max_gen_toks"),
        ("max_tokens: 8", "max_tokens: many", "metadata.prompts.direct.max_tokens: must be a whole number"),
        ("max_tokens: 8", "max_tokens: true", "must be a whole number"),
        ("max_tokens: 8", "max_tokens: 8, temperature: 1", "temperature: is not a field"),
        ("direct:", "terse:", "line 12: metadata.prompts: lacks 'direct'"),
        ("labels | join", "labels | reverse", "may not use the filter 'reverse'"),
        ("labels | join(', ')", "label", "unknown name 'label'"),
        ("labels | join(', ')", "definitions['joy']", "cannot be filled in"),
        ("labels | join(', ')", "cycler", "unknown name"),
        ("labels | join(', ')", "'a' * 9999999999", "may not use Mul"),
        ("labels | join(', ')", "labels.__class__.__mro__", "may not use"),
        ("labels | join(', ')", "", "not a valid prompt template"),
        ("  labels:", "  crop: face\n  labels:", "crop: must be one of"),
        ("  labels:", "  aus: [1]\n  labels:", "only tasks of kind action_units have aus"),
        ("  labels:", "  threshold: 2\n  labels:", "only tasks of kind action_units have an intensity threshold"),
        ("task: mine", "task: ''", "line 1: task: is empty"),
        ("task: mine", "task: a/b", "may hold letters"),
        ("task: mine", "task: mine\ntask: yours", "line 2.*occurs twice"),
        ("task: mine", "task: &a mine", "line 1: anchors and aliases"),
        ("task: mine", "task: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("task: mine", "task: [mine", "not valid YAML"),
        ("task: mine", "task: \"\\uD800\"", "cannot be printed|not valid YAML|may hold"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path, old, new, says):
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(FeabError, match=says) as caught:
        load_tasks("mine", [tmp_path])
    assert str(file) in str(caught.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(FeabError, match=r"unknown task 'synht'.*synth_expression"):
        load_tasks("synht")
    with pytest.raises(FeabError, match="no task was named"):
        load_tasks(" , ")


def test_groups_nest_and_may_not_contain_themselves(tmp_path):
    write(tmp_path, "group: outer\ntask: [synth, inner]\n", "a.yaml")
    write(tmp_path, "group: inner\ntask: synth_expression\n", "b.yaml")
    assert len(list_groups([tmp_path])["outer"]) == 4
    assert len(load_tasks("outer", [tmp_path])) == 3
    write(tmp_path, "group: inner\ntask: [outer]\n", "b.yaml")
    with pytest.raises(FeabError, match="contains itself"):
        load_tasks("outer", [tmp_path])
    write(tmp_path, "group: inner\ntask: [nowhere]\n", "b.yaml")
    with pytest.raises(FeabError, match="group inner names the unknown task 'nowhere'"):
        load_tasks("outer", [tmp_path])


def test_two_files_of_one_folder_may_not_share_a_name(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "again.yaml")
    with pytest.raises(FeabError, match="already taken"):
        list_tasks([tmp_path])


def test_big_deep_and_binary_files_are_refused(tmp_path):
    for data, says in [
        (b"a: " + b"x" * 300_000, "larger than"),
        (b"a: " + b"[" * 5_000, "nested deeper|not valid"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"", "must be a mapping"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"a: " + b"9" * 10_000, "not valid YAML"),
        (b"a: 2001-99-99", "not valid YAML"),
        (b"<<: {a: 1}", "merge keys"),
        (b"? [a, b]\n: 1\n", "cannot be a key"),
    ]:
        (tmp_path / "x.yaml").write_bytes(data)
        with pytest.raises(FeabError, match=says):
            list_tasks([tmp_path])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="{}[]:,-&*!|>'\"#%@ \nab1<?~", max_size=80).map(str.encode)))
def test_any_bytes_are_read_or_refused_never_worse(data):
    with contextlib.suppress(FeabError):
        assert isinstance(parse_yaml(data, Path("fuzz.yaml")).value, dict)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_task_file_is_read_or_refused_never_worse(data):
    lines = GOOD.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        line = data.draw(st.integers(0, len(lines) - 1))
        at = data.draw(st.integers(0, len(lines[line])))
        cut = data.draw(st.integers(0, 6))
        insert = data.draw(st.text(alphabet="{}[]:,-!|>'\"% \nab1<?~.{{%loopfor", max_size=5))
        lines[line] = lines[line][:at] + insert + lines[line][at + cut :]
    with contextlib.suppress(FeabError):
        root = parse_yaml("".join(lines).encode(), Path("fuzz.yaml"))
        task = task_from_metadata("mine", root.need("metadata", "fields"))
        assert isinstance(task.prompt_text("direct"), str)
        assert len(task.identity().sha256) == 64
