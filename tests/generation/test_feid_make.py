"""From folders of annotations to a FEID folder: counts, forms, the card, and a rewriter that must not contradict."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from seke_folder import INFO, line_of, make_folder

from feab.data.annotations import AnnotationLine, read_annotations, write_annotations
from feab.data.feid import open_feid, validate_feid
from feab.data.feid.record import text_of
from feab.errors import FeabError
from feab.generation.agreeing import contradiction
from feab.generation.feid import make_feid
from feab.generation.instructions import Plan
from feab.generation.rewriting import FLUENT, REWRITES, verdict
from feab.journal import FileLock
from feab.models import ModelInfo
from feab.records import Completion, Failure, Message, Question, Text
from feab.validation import validate

FACES = 42
YOUNG = 6


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("seke"), FACES)


@pytest.fixture(scope="module")
def feid(annotated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_feid(annotated, tmp_path_factory.mktemp("feid") / "made").path


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_it_is_whole_valid_and_says_what_was_annotated(annotated: Path, feid: Path) -> None:
    info = validate_feid(feid)
    assert validate(feid) == []
    records = list(open_feid(feid))
    lines = {line.sample: line for line in read_annotations(annotated / "annotations.jsonl")}
    assert info.tasks == {task: sum(one.task == task for one in records) for task in info.tasks}
    assert sum(info.records_by_origin.values()) == len(records) == sum(info.tasks.values())
    (source,) = info.sources
    assert (source.faces, source.withheld, source.unused) == (FACES - YOUNG, YOUNG, 0)
    assert source.levels["expression"].human == FACES - YOUNG
    assert source.levels["action_units"].generated + source.levels["action_units"].rejected == FACES - YOUNG
    assert source.levels["action_units"].rejected > 5
    for one in records:
        line = lines[one.sample]
        assert contradiction(one.answers, one.labels, one.levels) is None
        for level in one.grounds:
            found = line.level(level)
            assert found is not None
            assert found.source != "rejected"
            assert one.labels.origins[level] == found.source


def test_young_faces_are_in_no_file(annotated: Path, feid: Path) -> None:
    young = {f"f{number:04d}" for number in range(FACES) if number % 7 == 6}
    assert not young & {one.sample for one in open_feid(feid)}
    for name in ("llava.json", "ferid_category.json", "ferid_conversation.json"):
        assert not any(sample in (feid / name).read_text() for sample in young)
    assert len(list((feid / "images").iterdir())) == FACES - YOUNG


def test_the_same_annotations_give_the_same_bytes(annotated: Path, feid: Path, tmp_path: Path) -> None:
    first = digests(feid)
    again = make_feid(annotated, tmp_path / "made").path
    assert digests(again) == first
    make_feid(annotated, tmp_path / "made")  # replaces
    assert digests(again) == first
    other = make_feid(annotated, tmp_path / "made", seed=1).path
    assert digests(other)["data/train-00000-of-00001.parquet"] != first["data/train-00000-of-00001.parquet"]
    assert set(digests(other)) == set(first)


def test_llava_and_ferid_hold_the_same_conversations(feid: Path) -> None:
    records = {one.id: one for one in open_feid(feid)}
    entries = json.loads((feid / "llava.json").read_text())
    assert [entry["id"] for entry in entries] == list(records)
    for entry in entries:
        one = records[entry["id"]]
        assert (feid / entry["image"]).read_bytes() == one.images[0].read()
        assert [turn["from"] for turn in entry["conversations"]] == ["human", "gpt"] * (len(one.messages) // 2)
        assert entry["conversations"][0]["value"] == "<image>\n" + text_of(one.messages[0])
        assert [turn["value"] for turn in entry["conversations"][1::2]] == list(one.answers)
    category, conversation = (
        json.loads((feid / f"ferid_{kind}.json").read_text()) for kind in ("category", "conversation")
    )
    assert {records[entry["id"]].task for entry in category} == {"ferid_category"}
    assert len(category) == len(conversation) == FACES - YOUNG
    assert all(entry["conversations"][1]["value"] == records[entry["id"]].labels.expression for entry in category)


def test_hugging_face_reads_it_with_pictures(feid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(feid), cache_dir=str(tmp_path))["train"]  # as the card describes it
    assert len(found) == sum(1 for _ in open_feid(feid))
    row = found[0]
    assert [message["role"] for message in row["messages"]][:2] == ["user", "assistant"]
    assert [part["type"] for part in row["messages"][0]["content"]] == ["image", "text"]
    assert row["images"][0].size == (24, 24)


def test_the_card_is_made_from_counts_and_escapes_what_strangers_wrote(feid: Path) -> None:
    text = (feid / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    assert "gradients \\| &lt;b&gt;not&lt;/b&gt; faces" in text
    assert f"| {FACES - YOUNG} | 0 | {YOUNG} |" in text
    assert "| small | expression | 36 | 0 | 0 | 0 | 0 | 0.0 % |" in text
    assert re.search(r"\| 0\.0 \| █+ \d+ \|", text)
    assert "A display is not a feeling" in text
    assert not re.search(r"<(?!/?b&)", text.replace("<image>", ""))


def test_plans_and_formats_are_kept(annotated: Path, tmp_path: Path) -> None:
    made = make_feid(annotated, tmp_path / "a", plan=Plan(2, 0, 0, 0, 0, 1, 0, 0), formats=(), name="mine")
    assert made.info.name == "mine"
    assert made.info.tasks == {"coarse": 2 * (FACES - YOUNG), "choice": FACES - YOUNG}
    assert sorted(path.name for path in made.path.iterdir()) == ["README.md", "data", "feid.json"]
    with pytest.raises(FeabError, match="at least one kind"):
        make_feid(annotated, tmp_path / "b", plan=Plan(0, 0, 0, 0, 0, 0, 0, 0))
    with pytest.raises(FeabError, match="format 'tfrecord'"):
        make_feid(annotated, tmp_path / "b", formats=("tfrecord",))


def test_the_benchmarks_questions_are_put_on_request_and_the_card_says_so(annotated: Path, tmp_path: Path) -> None:
    made = make_feid(annotated, tmp_path / "a", plan=Plan(0, 0, 0, 0, 0, 0, 0, 0), tasks="synth_expression", formats=())
    assert made.info.tasks == {"benchmark": FACES - YOUNG}
    assert "knows the benchmark's form" in (made.path / "README.md").read_text()
    assert validate(made.path) == []


def test_several_datasets_go_into_one(annotated: Path, tmp_path: Path) -> None:
    other = INFO.model_copy(update={"name": "other", "images_may_be_shared": False, "licence": "ask <them>"})
    second = make_folder(tmp_path, 12, info=other)
    made = make_feid([annotated, second], tmp_path / "both")
    assert [source.dataset for source in made.info.sources] == ["small", "other"]
    assert not made.info.images_may_be_shared
    assert any("does not let its faces be passed on" in note for note in made.notes)
    assert "Not to be passed on" in (made.path / "README.md").read_text()
    ids = [one.id for one in open_feid(made.path)]
    assert len(set(ids)) == len(ids)
    validate_feid(made.path)
    with pytest.raises(FeabError, match="annotated by two"):
        make_feid([annotated, annotated], tmp_path / "twice")
    with pytest.raises(FeabError, match="goes with one folder"):
        make_feid([annotated, second], tmp_path / "c", data="x")


def test_what_cannot_be_used_is_refused(annotated: Path, tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="not a folder of annotations"):
        make_feid(tmp_path, tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(FeabError, match=r"holds other things \('thesis.tex'\)"):
        make_feid(annotated, tmp_path / "full")
    assert (tmp_path / "full" / "thesis.tex").exists()
    (tmp_path / "other").mkdir()
    other = make_folder(tmp_path / "other", 5)
    with pytest.raises(FeabError, match="is not the dataset that was annotated"):
        make_feid(annotated, tmp_path / "a", data=other.parent / "small")

    def all_rejected(number: int, row: Any) -> AnnotationLine:
        return line_of(3 * number + 2, row, given=())

    (tmp_path / "nothing").mkdir()
    nothing = make_folder(tmp_path / "nothing", 5, line=all_rejected)
    with pytest.raises(FeabError, match="no conversation could be made"):
        make_feid(nothing, tmp_path / "b")
    assert not (tmp_path / "b" / "feid.json").exists()
    (tmp_path / "strange").mkdir()
    strange = make_folder(tmp_path / "strange", 5)
    write_annotations(strange / "annotations.jsonl", [AnnotationLine(sample="nobody")])
    with pytest.raises(FeabError, match="has no sample 'nobody'"):
        make_feid(strange, tmp_path / "c")


class Rewriter:
    """A model that answers as it is told; it notes what it was asked."""

    name = "mock/rewriter"

    def __init__(self, say: Callable[[str], str | None], most: int = 10**9) -> None:
        self.say, self.most = say, most
        self.info = ModelInfo(self.name, "test", "1")
        self.asked: list[Question] = []

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        for question in questions:
            if len(self.asked) >= self.most:
                raise KeyboardInterrupt
            self.asked.append(question)
            (message,) = question.messages
            assert all(isinstance(part, Text) for part in message.parts)  # never a face
            text = message.parts[0].text  # type: ignore[union-attr]
            found = re.search(r"Answer: (.*?)(?:\n\n(?:Say|$)|$)", text, re.DOTALL)
            assert found is not None
            said = self.say(found[1].strip())
            if said is None:
                yield Completion(question, error=Failure("timeout", "too slow"))
            else:
                yield Completion(question, (said,), ("stop",))


def rewritten(annotated: Path, out: Path, rewriter: Rewriter) -> Any:
    return make_feid(annotated, out, formats=(), rewriter=rewriter)  # type: ignore[arg-type]


def test_what_says_the_same_is_taken(annotated: Path, tmp_path: Path, feid: Path) -> None:
    rewriter = Rewriter(lambda answer: f"Looking closely: {answer}")
    made = rewritten(annotated, tmp_path / "out", rewriter)
    told = made.info.rewriting
    assert told.asked == told.taken == len(rewriter.asked) > 100
    before = {one.id: one for one in open_feid(feid)}
    for one in open_feid(made.path):
        assert one.rewritten == (one.task in FLUENT)
        if one.rewritten:
            assert any(answer.startswith("Looking closely: ") for answer in one.answers)
            assert contradiction(one.answers, one.labels, one.levels) is None
        else:
            assert one.messages == before[one.id].messages
    assert validate(made.path) == []


def test_what_contradicts_is_refused(annotated: Path, tmp_path: Path, feid: Path) -> None:
    def lie(answer: str) -> str:
        for old, new in (("fear", "joy"), ("happiness", "anger"), ("AU1 ", "AU2 "), ("valence", "VALENCE")):
            if old in answer:
                return answer.replace(old, new)
        return "The weather is fine."

    made = rewritten(annotated, tmp_path / "out", Rewriter(lie))
    assert made.info.rewriting.contradicted > 0
    for one in open_feid(made.path):
        assert contradiction(one.answers, one.labels, one.levels) is None
        assert not any("weather" in answer or "joy" in answer for answer in one.answers)
    assert validate(made.path) == []


@pytest.mark.parametrize("reason", ["length", "content_filter", "refusal"])
def test_what_was_broken_off_is_not_taken(annotated: Path, tmp_path: Path, reason: Any) -> None:
    class Broken(Rewriter):
        def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
            for completion in super().generate(questions):
                yield replace(completion, finish_reasons=(reason,))

    told = rewritten(annotated, tmp_path / "out", Broken(lambda answer: answer)).info.rewriting
    assert (told.taken, told.refused) == (0, told.asked)


def test_failures_leave_the_original(annotated: Path, tmp_path: Path, feid: Path) -> None:
    count = 0

    def now_and_then(answer: str) -> str | None:
        nonlocal count
        count += 1
        return None if count % 2 else "  "

    made = rewritten(annotated, tmp_path / "out", Rewriter(now_and_then))
    told = made.info.rewriting
    assert (told.taken, told.failed + told.refused) == (0, told.asked)
    assert [one.messages for one in open_feid(made.path)] == [one.messages for one in open_feid(feid)]


@pytest.mark.parametrize("third_party", ["allowed", "ask", "forbidden"])
def test_labels_in_words_go_to_a_third_party_only_with_permission(tmp_path: Path, third_party: Any) -> None:
    """As faces do: the labels are the dataset's, too."""
    info = INFO.model_copy(update={"third_party": third_party, "licence": "for research, by agreement"})
    annotated = make_folder(tmp_path, 8, info=info)

    def far(permission: str | None) -> Any:
        rewriter = Rewriter(lambda answer: answer)
        rewriter.info = replace(rewriter.info, local=False, endpoint="https://api.example.org/v1")
        try:
            made = make_feid(annotated, tmp_path / "out", formats=(), rewriter=rewriter, permission=permission)  # type: ignore[arg-type]
        finally:
            asked.append(len(rewriter.asked))
        return made.info.rewriting

    asked: list[int] = []
    assert rewritten(annotated, tmp_path / "near", Rewriter(lambda answer: answer)).info.rewriting.permission is None
    if third_party == "allowed":
        assert far("mail of 1 May").permission is None  # not needed, hence not written down
    else:
        with pytest.raises(FeabError, match=r"for research, by agreement.*labels"):
            far(None)
        assert asked == [0]
        assert not (tmp_path / "out" / "feid.json").exists()
    if third_party == "ask":
        assert far("mail of 1 May").permission == "mail of 1 May"
        assert '"permission": "mail of 1 May"' in (tmp_path / "out" / "feid.json").read_text()
    if third_party == "forbidden":
        with pytest.raises(FeabError, match="forbids"):
            far("mail of 1 May")
        assert asked == [0, 0]


def test_an_interrupted_rewriting_goes_on_where_it_was(annotated: Path, tmp_path: Path) -> None:
    def say(answer: str) -> str:
        return f"In short: {answer}"

    whole = Rewriter(say)
    expected = digests(rewritten(annotated, tmp_path / "whole", whole).path)
    first = Rewriter(say, most=25)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        rewritten(annotated, tmp_path / "out", first)
    assert getattr(interrupt.value, "resumes", False)
    assert not (tmp_path / "out" / "feid.json").exists()
    second = Rewriter(say)
    made = rewritten(annotated, tmp_path / "out", second)
    assert len(first.asked) + len(second.asked) == len(whole.asked)
    found = digests(made.path)
    assert {k: v for k, v in found.items() if k.startswith("data")} == {
        k: v for k, v in expected.items() if k.startswith("data")
    }
    assert (made.path / REWRITES).is_file()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The expression on show is fear.", "taken"),
        ("  The expression on show is fear.\n", "taken"),
        ("The expression on show is anger.", "contradicted"),
        ("Nothing of note.", "contradicted"),
        ("The face displays fear, with AU4 active.", "contradicted"),
        ("The face displays fear (valence -0.5, arousal 0.5).", "contradicted"),
        ("The person feels fear.", "refused"),
        ("Fear is what the person is experiencing.", "refused"),
        ("", "refused"),
        ("fear " * 200, "refused"),
        ("The face displays fear.<script>alert(1)</script>", "refused"),
        ("The face displays **fear**.", "refused"),
        ("The face displays fear.\u202e", "refused"),
        ("The face displays \x1b[31mfear.", "refused"),
    ],
)
def test_rewritten_answers_are_judged(feid: Path, text: str, found: str) -> None:
    one = next(one for one in open_feid(feid) if one.task == "coarse" and one.labels.expression == "fear")
    assert verdict(text, one.answers[0], one, ("expression",)) == found


def test_validate_tells_of_an_answer_that_contradicts_its_labels(annotated: Path, tmp_path: Path) -> None:
    from feab.data.feid.write import FeidWriter, write_feid_info

    made = make_feid(annotated, tmp_path / "a", formats=())
    records = list(open_feid(made.path))
    wrong = next(n for n, one in enumerate(records) if one.task == "coarse" and one.labels.expression == "fear")
    with FeidWriter(tmp_path / "b") as writer:
        for number, one in enumerate(records):
            if number == wrong:
                answer = Message("assistant", (Text("The face displays an expression of anger."),))
                one = type(one)(
                    **{**{f: getattr(one, f) for f in one.__slots__}, "messages": (one.messages[0], answer)}
                )
            writer.add([one])
        split = writer.finish()
    write_feid_info(tmp_path / "b", made.info.model_copy(update={"splits": {"train": split}}))
    validate_feid(tmp_path / "b")
    (problem,) = validate(tmp_path / "b")
    assert f"record {wrong} " in str(problem)
    assert "expression reads as anger, not fear" in str(problem)


def test_two_at_once_are_one_too_many(annotated: Path, tmp_path: Path) -> None:
    made = make_feid(annotated, tmp_path / "out", formats=())
    lock = FileLock(made.path / ".lock")
    lock.acquire()
    try:
        with pytest.raises(FeabError, match="is working on"):
            make_feid(annotated, tmp_path / "out", formats=())
    finally:
        lock.release()
    validate_feid(made.path)
