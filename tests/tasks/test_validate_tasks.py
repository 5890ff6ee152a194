"""Task files with planted faults: each is named with its line, and all of a file at once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feab.content import shipped
from feab.problems import Gather, Problem
from feab.tasks.validate import check_task_file

EXPRESSION = (shipped("tasks") / "synth_expression.yaml").read_text(encoding="utf-8")
AFFECT = (shipped("tasks") / "synth_valence_arousal.yaml").read_text(encoding="utf-8")
UNITS = (shipped("tasks") / "synth_action_units.yaml").read_text(encoding="utf-8")


def check(folder: Path, text: str, name: str = "mine.yaml") -> tuple[Problem, ...]:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    notes = Gather(file)
    check_task_file(file, notes)
    assert all(problem.file == file for problem in notes.problems)
    return notes.problems


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


@pytest.mark.parametrize(
    ("old", "new", "says", "severity"),
    [
        # feab's own fields
        ("kind: expression", "kind: emotion", "metadata.kind: must be one of", "error"),
        ('version: "1.0"', "version: [1]", "metadata.version: must be a number", "error"),
        ("crop: as delivered", "crop: square", "metadata.crop: must be one of", "error"),
        ("crop: as delivered", "colour: red", "metadata.colour: is not a field", "error"),
        ("max_tokens: 512", "max_tokens: 0", "reason.max_tokens: must be a whole number", "error"),
        ("shuffled: true", "shuffled: perhaps", "shuffled.shuffled: must be true or false", "error"),
        ("neutral: no visible expression", "bored: no visible expression", "defines something that cannot", "error"),
        # prompts, filled in
        ("Then give one word from the list", "Then {{ labels | reverse }}", "filter 'reverse'", "error"),
        ("Then give one word from the list", "Then {% for x in %}", "not a valid prompt template", "error"),
        ("Then give one word from the list", "Then {{ definitions['x'] }}", "cannot be filled in", "error"),
        ("Then give one word from the list", "Then <image> give", "holds <image>", "error"),
        # what both harnesses must read alike
        ("custom_dataset: !function feab.tasks.lm_eval.dataset", "custom_dataset: feab.tasks.lm_eval.dataset",
         "custom_dataset: must be a function", "error"),
        ("feab.tasks.lm_eval.image", "feab.tasks.lm_eval.picture", "there is no such function", "error"),
        ("feab.tasks.lm_eval.image", "utils.image", "utils.image is not feab's", "warning"),
        ("test_split: test", "test_split: train", "test_split: must equal", "error"),
        ("output_type: generate_until", "output_type: loglikelihood", "must be generate_until", "error"),
        ("doc_to_target: target", "doc_to_target: label", "must be target", "error"),
        ("doc_to_text:", "doc_to_text: '{{question}}' #", "must hold <image> once", "error"),
        ("doc_to_text:", "doc_to_text: '<image> Which?' #", "must hold <image> once", "error"),
        ("score_expression", "score_action_units", "must be !function feab.tasks.lm_eval.score_expression", "error"),
        ("until: []", "until: null", "until", "error"),
        ("until: []", 'until: ["."]', "ends an answer", "error"),
        ("do_sample: false", "do_sample: true", "must be false", "error"),
        ("max_gen_toks: 32", "max_gen_toks: 33", "must equal metadata.prompts.direct.max_tokens", "error"),
        ("metric: macro_f1,", "metric: macro_f2,", "gives no 'macro_f2'", "error"),
        ("lm_eval.macro_f1,", "lm_eval.macro_f2,", "there is no such function", "error"),
        ("lm_eval.macro_f1,", "lm_eval.uar,", "must be !function feab.tasks.lm_eval.macro_f1", "error"),
        ("aggregation: mean", "aggregation: median", "coverage is aggregated by mean", "error"),
    ],
)  # fmt: skip
def test_each_planted_fault_is_named_with_its_line(tmp_path, old, new, says, severity):
    assert old in EXPRESSION
    text = EXPRESSION.replace(old, new, 1)
    found = check(tmp_path, text, "synth_expression.yaml")
    said = [p for p in found if says in f"{p.where}: {p.message}"]
    assert said, [str(p) for p in found]
    assert said[0].severity == severity
    wanted = line_of(text, new.split(" #")[0])
    starts = line_of(text, "text: |") if "Then" in old else wanted
    assert said[0].line is not None
    assert starts <= said[0].line <= wanted


def test_several_faults_are_all_told(tmp_path):
    text = EXPRESSION
    for old, new in [
        ("kind: expression", "kind: emotion"),
        ('version: "1.0"', "version: {}"),
        ("max_tokens: 512", "max_tokens: many"),
        ("split: test\n  crop", "split: ../x\n  crop"),
        ("{{ labels | join(', ') }}?", "{{ labels | reverse }}?"),
        ("metric: uar", "metric: war"),
        ("do_sample: false", "do_sample: 1"),
    ]:
        assert old in text
        text = text.replace(old, new, 1)
    found = check(tmp_path, text)
    said = "\n".join(map(str, found))
    for words in ("metadata.kind", "metadata.version", "reason.max_tokens", "metadata.split", "reverse", "do_sample"):
        assert words in said, said
    assert len({p.line for p in found}) >= 6


def test_options_that_are_read_as_another_are_named(tmp_path):
    text = EXPRESSION.replace("labels: [neutral, happiness,", "labels: [neutral, ..., happiness,")
    found = check(tmp_path, text)
    assert any("the answer '...' is read as" in p.message and p.where == "metadata.labels[1]" for p in found), found


def test_a_prompt_that_leaves_options_out_is_warned_about(tmp_path):
    text = EXPRESSION.replace("Answer with one word: {{ labels | join(', ') }}.", "Answer with one word.", 1)
    (warned,) = check(tmp_path, text)
    assert warned.severity == "warning"
    assert "does not name neutral, happiness" in warned.message
    text = AFFECT.replace("{% for axis in axes %}", "{% if axes %}").replace("{% endfor %}", "{% endif %}")
    text = re.sub(r"- \{\{ axis \}\}: .*|\{\{ axes\[.\] \}\}", "valence, arousal", text)
    assert any("is shuffled, but its text is the same" in p.message for p in check(tmp_path, text))


@pytest.mark.parametrize("text", [EXPRESSION, AFFECT, UNITS])
def test_a_threshold_and_fewer_options_are_clean(tmp_path, text):
    changed = text.replace("  aus: [1, 2, 4,", "  threshold: 2\n  aus: [1, 2, 4,").replace(", contempt]", "]")
    changed = re.sub(r"\n    contempt: .*", "", changed)
    assert check(tmp_path, changed) == ()


def test_a_dataset_without_such_labels_is_named(tmp_path):
    labels = "labels: [bored, awake]"
    text = re.sub(r"labels: \[neutral.*\]", labels, EXPRESSION)
    text = re.sub(r"  definitions:\n(    .*\n)+  prompts", "  prompts", text)
    text = text.replace("{{ definitions[label] }}", "")
    found = check(tmp_path, text)
    assert any("synth has no expression that this task scores" in p.message for p in found), found


def test_groups_name_their_unknown_members_and_circles(tmp_path):
    found = check(tmp_path, "group: mine\ntask:\n  - synth\n  - nothing\n  - nowhere\n", "g.yaml")
    assert [(p.line, p.where) for p in found] == [(4, "task[1]"), (5, "task[2]")]
    (tmp_path / "g.yaml").unlink()
    (tmp_path / "a.yaml").write_text("group: a\ntask: [b]\n")
    (found,) = check(tmp_path, "group: b\ntask:\n  - synth\n  - a\n", "b.yaml")
    assert (found.line, found.advice) == (4, "break the circle, or correct the name")
    assert "contains itself" in found.message


def test_a_file_without_lm_evals_keys_is_feabs_alone(tmp_path):
    body = EXPRESSION[EXPRESSION.index("metadata:") :]
    assert check(tmp_path, f"task: mine\n{body}") == ()
    found = check(tmp_path, f"task: mine\ntest_split: test\n{body}")
    assert {p.severity for p in found} == {"warning"}
    assert any("lacks 'doc_to_text', so lm-eval cannot run it" in p.message for p in found)


def test_nothing_a_file_names_is_imported(tmp_path):
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')\n")
    text = EXPRESSION.replace("feab.tasks.lm_eval.image", "trap.image").replace("feab.tasks.lm_eval.uar", "trap.uar")
    (tmp_path / "mine.yaml").write_text(text)
    code = (
        "import sys; from pathlib import Path; from feab.problems import Gather; "
        "from feab.tasks.validate import check_task_file; n = Gather(Path('x')); "
        "check_task_file(Path('mine.yaml'), n); assert len(n.problems) == 2, n.problems; "
        "print('trap' in sys.modules, 'lm_eval' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_file_gives_problems_and_nothing_worse(tmp_path, data):
    text = data.draw(st.sampled_from([EXPRESSION, AFFECT, UNITS, "group: g\ntask: [synth]\n"]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        put = data.draw(st.text(alphabet="{}[]:,-!|>'\"% \nab1<?~.%", max_size=5))
        text = text[:at] + put + text[at + data.draw(st.integers(0, 6)) :]
    check(tmp_path, text)
