"""Fine-tuning from end to end on feab-tiny and a handful of faces: result, resumption, stopping, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from feab.content import shipped
from feab.errors import FeabError

pytest.importorskip("trl")
pytest.importorskip("peft")
sys.path.insert(0, str(Path(__file__).parent))

from feid_of_faces import feid_of, record, some_faces, write_feid

from feab.training import train

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
RECIPE = shipped("training") / "feab-tiny-lora.yaml"
SMALL = {
    "steps": 6, "batch_size": 4, "micro_batch": 2, "save_every": 2, "learning_rate": 0.002,
    "tuning": {"rank": 4, "dropout": 0.1},
    "validation": {"held_out": 0.2, "samples": 5, "every": 2, "patience": None},
}  # fmt: skip


@pytest.fixture(scope="module")
def feid(tmp_path_factory):
    return feid_of(tmp_path_factory.mktemp("feid") / "faces")


def trained(feid, out, log=None, recipe=RECIPE, **other):
    events = []
    train(recipe, out=out, data=feid, log=lambda event: (events.append(event), log and log(event)), **SMALL | other)
    return events


@pytest.fixture(scope="module")
def whole(feid, tmp_path_factory):
    """A training that nothing interrupted: its folder and events."""
    out = tmp_path_factory.mktemp("whole") / "lora"
    return out, trained(feid, out)


def losses(out):
    from feab.training.sft.curves import events_of

    return {e["step"]: e["loss"] for e in events_of(out / "training.jsonl") if e.get("loss") is not None}


def weights(out):
    from safetensors.torch import load_file

    return load_file(out / "adapter_model.safetensors")


def last_state(out):
    newest = max((out / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    return newest, weights(newest)


def same_end(one, other):
    """Whether two trainings ended alike: each step's loss to 1e-4, and the weights."""
    assert losses(one).keys() == losses(other).keys() == set(range(1, 7))
    for step, loss in losses(one).items():
        assert losses(other)[step] == pytest.approx(loss, abs=1e-4), step
    (first, mine), (second, theirs) = last_state(one), last_state(other)
    assert first.name == second.name == "checkpoint-6"
    assert mine.keys() == theirs.keys()
    # Two threads may add up in another order, and Adam makes much of a gradient that is nearly none: so as a whole.
    apart = sum(float((mine[name] - theirs[name]).double().square().sum()) for name in mine)
    assert apart <= 1e-6 * sum(float(one.double().square().sum()) for one in mine.values())
    assert (one / "validation.json").read_bytes() == (other / "validation.json").read_bytes()


def test_the_folder_holds_everything_and_the_adapter_answers_as_it_was_examined(whole):
    from feab.schemas import Scores

    out, events = whole
    assert [e["step"] for e in events if e["stage"] == "examination"] == [0, 2, 4, 6]
    assert [e["step"] for e in events if e["stage"] == "training"] == [1, 2, 3, 4, 5, 6]
    for name in ("README.md", "card.yaml", "recipe.json", "validation.json", "training.jsonl"):
        assert (out / name).stat().st_size > 100, name
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((out / "logs").glob("events.out.tfevents.*"))
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "feab-tiny"
    taken = json.loads((out / "training.json").read_text())["step"]
    best = max((e["eval_overall"], -e["step"]) for e in events if e["stage"] == "examination" and e["step"])
    assert taken == -best[1]
    scores = Scores.model_validate_json((out / "validation.json").read_bytes())
    assert scores == Scores.model_validate_json((out / "examinations" / f"{taken}.json").read_bytes())
    card = (out / "README.md").read_text()
    assert "feab run --model feab-tiny -M adapter=lora" in card
    assert str(out.parent) not in card

    assert all(weight.any() for name, weight in weights(out).items() if "lora_B" in name)


def test_through_the_door_that_users_take_the_adapter_answers_as_it_was_examined(whole, feid):
    from feab import load_model
    from feab.data.feid import open_feid
    from feab.schemas import Scores
    from feab.training.asking import predictions_of
    from feab.training.sft.examine import examined
    from feab.training.sft.heldout import held_out
    from feab.training.sft.recipe import Validation

    out, _ = whole
    held = held_out(Validation(**SMALL["validation"]), open_feid(feid), 0)
    kept = {path.name.partition("-")[2]: path for path in (out / "checkpoints").glob("checkpoint-*")}
    assert len(kept) == 2  # the best and the last
    adapters = {"0": {}, **{step: {"adapter": str(path)} for step, path in kept.items()}}
    for step, arguments in adapters.items():  # the vision tower's statistics must not have moved, for one
        model = load_model("feab-tiny", **arguments)
        predictions = [one for task in held.tasks for one in predictions_of(model, task.questions(held.samples))]
        model.close()
        stored = Scores.model_validate_json((out / "examinations" / f"{step}.json").read_bytes())
        assert examined(held, predictions).scores == stored
    by_card = load_model(str(out / "card.yaml"))
    assert by_card.name == "lora"
    by_card.close()
    # Few faces and steps: one checkpoint may answer as the base does, but not every one.
    found = {step: (out / "examinations" / f"{step}.json").read_bytes() for step in adapters}
    assert any(found[step] != found["0"] for step in kept)


def _tasks():
    from feab.tasks import load_tasks

    return load_tasks(["synth"])


def test_one_process_at_a_time_works_on_a_folder(feid, tmp_path, monkeypatch):
    from feab.journal import FileLock

    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / ".training.json.new").write_text("{")  # as of a process that was killed at once
    lock = FileLock(tmp_path / "lora" / ".lock")
    lock.acquire()
    with pytest.raises(FeabError, match="is working on this run"):
        trained(feid, tmp_path / "lora")
    assert not (tmp_path / "lora" / "training.json").exists()
    lock.release()
    monkeypatch.setattr("feab.training.sft.run.cpu_computes_in_bfloat16", lambda: False)
    with pytest.raises(FeabError, match="does not compute in it"):  # past the folder, and before the model
        trained(feid, tmp_path / "lora", precision="bfloat16")
    assert json.loads((tmp_path / "lora" / "training.json").read_text()).keys() == {"identity"}


def test_what_is_examined_on_is_never_learnt_from(feid, tmp_path, monkeypatch):
    from feab.data.feid import open_feid
    from feab.training.sft import trainer

    class Enough(Exception):
        pass

    given = {}

    def stop(*args, **options):
        given.update(options)
        raise Enough

    monkeypatch.setattr(trainer, "make_trainer", stop)
    with pytest.raises(Enough):
        trained(feid, tmp_path / "lora", steps=50)
    table = open_feid(feid).table(["sample", "subject"])
    samples, people = (table.column(name).to_pylist() for name in ("sample", "subject"))
    learnt, asked = set(given["rows"]), {sample.id.partition("/")[2] for sample in given["held"].samples}
    assert len(given["rows"]) == 50 * SMALL["batch_size"]
    assert asked
    assert not asked & {samples[row] for row in learnt}
    assert not {people[row] for row in given["held"].rows} & {people[row] for row in learnt}
    assert learnt | set(given["held"].rows) == set(range(len(samples)))


def test_only_the_adapter_learns_and_the_loss_falls(whole):
    out, events = whole
    begin = next(event for event in events if event["stage"] == "begin")
    stored = weights(out)
    assert begin["learning"] == sum(weight.numel() for weight in stored.values())
    assert all("lora_" in name for name in stored)
    assert any("multi_modal_projector" in name for name in stored)
    assert any("language_model" in name for name in stored)
    assert not any("vision_tower" in name for name in stored)
    assert min(losses(out)[step] for step in (4, 5, 6)) < losses(out)[1]


def test_the_same_command_lets_a_finished_training_be_and_another_recipe_does_not(whole, feid):
    out, _ = whole
    before = (out / "adapter_model.safetensors").stat().st_mtime_ns
    assert trained(feid, out) == []
    assert (out / "adapter_model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(FeabError, match="holds a training with another recipe"):
        trained(feid, out, learning_rate=0.001)


KILLED = """
import json, os, signal, sys
from feab.training import train
def log(event):
    print(json.dumps(event), flush=True)
    if event["stage"] == "training" and event["step"] == 5:
        os.kill(os.getpid(), signal.SIGKILL)
train(sys.argv[1], out=sys.argv[2], data=sys.argv[3], log=log, **json.loads(sys.argv[4]))
"""


def test_killed_and_begun_again_it_ends_where_it_would_have_ended(whole, feid, tmp_path):
    out = tmp_path / "lora"
    given = [str(RECIPE), str(out), str(feid), json.dumps(SMALL)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *given], env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert not (out / "adapter_model.safetensors").exists()
    # A kill may also fall into the writing of a checkpoint: one without its last file counts for nothing.
    broken = out / "checkpoints" / "checkpoint-5"
    broken.mkdir()
    (broken / "adapter_model.safetensors").write_bytes(b"half")
    (broken / "trainer_state.json").write_text('{"global_step": 5, "log_his')
    with (out / "training.jsonl").open("a") as log:
        log.write('{"stage": "training", "st\n')
    spent = max(json.loads(line)["total_seconds"] for line in (out / "training.jsonl").read_text().splitlines()[:-1])
    events = trained(feid, out)
    assert spent > 0
    assert events[-1]["seconds"] == pytest.approx(spent + events[-2]["total_seconds"], abs=0.11)
    assert next(event for event in events if event["stage"] == "begin")["from_step"] == 4
    assert [event["step"] for event in events if event["stage"] == "training"] == [5, 6]
    same_end(whole[0], out)


def test_ctrl_c_writes_a_checkpoint_and_the_same_call_goes_on(whole, feid, tmp_path):
    def interrupt(event):
        if event["stage"] == "training" and event["step"] == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trained(feid, tmp_path / "lora", log=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    events = trained(feid, tmp_path / "lora")
    assert next(event for event in events if event["stage"] == "begin")["from_step"] in (3, 4)
    same_end(whole[0], tmp_path / "lora")


def test_training_stops_when_held_out_faces_are_read_no_better(feid, tmp_path):
    validation = {**SMALL["validation"], "patience": 1}
    events = trained(feid, tmp_path / "lora", learning_rate=1e-12, validation=validation)
    assert [e["step"] for e in events if e["stage"] == "examination"] == [0, 2, 4]
    assert json.loads((tmp_path / "lora" / "training.json").read_text())["step"] == 2
    (tmp_path / "lora" / "training.json").write_text(  # as if it had been killed before the result was taken
        json.dumps({"identity": json.loads((tmp_path / "lora" / "training.json").read_text())["identity"]})
    )
    again = trained(feid, tmp_path / "lora", learning_rate=1e-12, validation=validation)
    assert not [event for event in again if event["stage"] in ("training", "examination")]
    assert json.loads((tmp_path / "lora" / "training.json").read_text())["step"] == 2


def test_a_whole_model_is_tuned_and_runs_by_its_folder_without_faces_held_out(feid, tmp_path):
    from feab import load_model
    from feab.training.asking import predictions_of

    out = tmp_path / "full"
    recipe = {"tuning": {"kind": "full", "parts": ["language"]}, "validation": None, "gradient_checkpointing": True}
    events = trained(feid, out, **recipe, steps=2)
    assert not [event for event in events if event["stage"] == "examination"]
    model = load_model(f"hf/{out}")
    assert predictions_of(model, _tasks()[0].questions(some_faces(2)))
    model.close()
    base, tuned = (torch_state(folder) for folder in (shipped("models") / "feab-tiny", out))
    changed = {name for name in base if not torch.equal(base[name].float(), tuned[name].float())}
    assert changed
    assert not any("vision_tower" in name or "projector" in name for name in changed)
    assert "validation: null" in (out / "README.md").read_text()


def test_nothing_that_others_get_names_a_place_on_this_machine(feid, tmp_path):
    import shutil

    base, out = tmp_path / "mine" / "tiny", tmp_path / "lora"
    shutil.copytree(shipped("models") / "feab-tiny", base)
    trained(feid, out, base=str(base), steps=1, validation=None, save_every=None, batch_size=2)
    for path in out.rglob("*"):
        kept = {"checkpoints", "logs", "card.yaml", "training.json"} & set(path.parts)  # see `feab.training.push`
        if path.is_file() and not kept:
            assert str(tmp_path).encode() not in path.read_bytes(), path
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny"
    assert "feab run --model hf/tiny -M adapter=lora" in (out / "README.md").read_text()
    assert json.loads((out / "recipe.json").read_text())["base"] == "tiny"


def torch_state(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_upload_takes_the_result_and_leaves_what_only_training_needs(whole, feid, monkeypatch):
    import fnmatch

    import huggingface_hub

    calls = []

    class Api:
        endpoint = "https://hub.example"

        def create_repo(self, name, **options):
            calls.append((name, options))

        def upload_folder(self, *, repo_id, folder_path, ignore_patterns, commit_message):
            names = [str(path.relative_to(folder_path)) for path in Path(folder_path).rglob("*") if path.is_file()]
            calls.append([n for n in names if not any(fnmatch.fnmatch(n, pattern) for pattern in ignore_patterns)])

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    out, _ = whole
    events = []
    train(RECIPE, out=out, data=feid, push="me/faces", log=events.append, **SMALL)
    assert events == [{"stage": "uploaded", "to": "https://hub.example/me/faces"}]
    assert calls[0] == ("me/faces", {"private": True, "exist_ok": True})
    assert {"README.md", "adapter_model.safetensors", "adapter_config.json", "recipe.json"} <= set(calls[1])
    assert not any(name.startswith(("checkpoints", "logs", "card.yaml", "training.json.")) for name in calls[1])
    for wrong in ("me", "../me/faces", "me/fa ces"):
        with pytest.raises(FeabError, match="OWNER/NAME"):
            train(RECIPE, out=out, data=feid, push=wrong, log=events.append, **SMALL)


def blinded(folder):
    """feab-tiny with a new connector: it speaks the benchmark's forms, and can no longer see."""
    from feab.models.hf_load import load_processor, load_weights, locate, quiet

    with quiet():
        source = locate(str(shipped("models") / "feab-tiny"), None, False)
        model, processor = load_weights(source, dtype=torch.float32, device="cpu"), load_processor(source)
        torch.manual_seed(0)
        for weight in model.model.multi_modal_projector.parameters():
            torch.nn.init.normal_(weight, std=0.05)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


def asked_as_examined(folder, count):
    """Faces in the words of the task that they are examined by."""
    from dataclasses import replace

    from feab.tasks import load_tasks

    faces = some_faces(count)
    (task,) = load_tasks(["synth_expression"])
    words = {one.sample: one.messages for one in task.questions(faces)}
    records = [record(face) for face in faces]
    return write_feid(folder, [replace(one, messages=(*words[one.sample], one.messages[1])) for one in records])


@pytest.mark.full
def test_two_processes_learn_what_one_learns(tmp_path):
    """The same batches, split over two processes: the same losses but for rounding, and the same score."""
    import yaml

    from feab.schemas import Scores

    feid = asked_as_examined(tmp_path / "feid", 300)
    recipe = {
        **yaml.safe_load(RECIPE.read_text()), "base": str(blinded(tmp_path / "blind")), "steps": 80, "batch_size": 16,
        "micro_batch": 8, "learning_rate": 0.005,
        "tuning": {"parts": ["language"], "whole": ["connector"], "rank": 4, "dropout": 0.0},
        "validation": {"tasks": ["synth_expression"], "held_out": 0.3, "samples": 90, "every": 80, "patience": None},
    }  # fmt: skip
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    train(file, out=tmp_path / "one", data=feid, log=lambda event: None)
    config = shipped("training") / "accelerate" / "ddp.yaml"
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)),
        *("-m", "feab.cli", "train", str(file), "--data", str(feid), "--out", str(tmp_path / "two")),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys()
    first = sorted(one)[:2]  # from there on, roundings grow
    assert [two[step] for step in first] == pytest.approx([one[step] for step in first], abs=2e-3)

    def score(name, step):
        found = Scores.model_validate_json((tmp_path / name / "examinations" / f"{step}.json").read_bytes())
        return found.tasks["synth_expression"].metrics["macro_f1"]

    before, alone, together = score("one", 0), score("one", 80), score("two", 80)
    assert before.high < min(alone.low, together.low)  # there is something that was learnt
    assert alone.low <= together.value <= alone.high
    assert together.low <= alone.value <= together.high
