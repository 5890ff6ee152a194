"""Fine-tuning recipes with planted faults: each is named with its line; those that are shipped are clean."""

from __future__ import annotations

import pytest

from feab.content import shipped
from feab.errors import FeabError
from feab.problems import Gather
from feab.training.recipe import load_recipe
from feab.training.sft.recipe import SftRecipe
from feab.training.validate import check_recipe_file

GOOD = (shipped("training") / "feab-tiny-lora.yaml").read_text(encoding="utf-8")
SHIPPED = sorted(path.stem for path in shipped("training").glob("*.yaml"))


def check(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    notes = Gather(file)
    check_recipe_file(file, notes)
    return notes.problems


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("method: sft", "method: rl", "method 'rl' is not known"),
        ("base: feab-tiny", "base: baseline/uniform", "base: baseline/uniform is asked through"),
        ("base: feab-tiny", "base: ./nowhere", "base: hf/./nowhere: no such folder"),
        ("kind: lora", "kind: dora", "tuning.kind: input should be"),
        ("rank: 16", "rank: 0", "tuning.rank: input should be greater"),
        ("parts: [language, connector]", "parts: [ears]", "tuning.parts.0: input should be"),
        ("parts: [language, connector]", "parts: [vision, vision]", "parts: one is named twice"),
        ("epochs: 3", "epochs: 3\nsampling: {tasks: {gossip: 1}}", "'gossip' is no task of FEID"),
        ("epochs: 3", "epochs: 3\nsampling: {tasks: {choice: -1}}", "sampling.tasks.choice: input should be greater"),
        ("epochs: 3", "epochs: 3\nsampling: {origins: {rumour: 1}}", "sampling.origins.rumour.[key]: input should be"),
        ("epochs: 3", "epochs: 3\ndata: nowhere/", "data: nowhere/feid.json: no such file"),
        ("epochs: 3", "epochs: 0", "epochs: input should be greater"),
        ("micro_batch: 32", "micro_batch: 5", "micro_batch 5 does not divide batch_size 32"),
        ("learning_rate: 0.002", "learning_rate: .nan", "learning_rate: input should be"),
        ("dataset: synth", "dataset: nowhere", "validation.dataset: no dataset 'nowhere' is here"),
        ("split: validation", "split: test", "split: test is the split that scores are computed on"),
        ("split: validation", "split: evening", "validation.split: dataset synth has no split 'evening'"),
        ("tasks: [synth]", "tasks: [nothing]", "validation.tasks.0: unknown task 'nothing'"),
        ("seed: 0", "seed: 0\nsave_every: 7", "validation.every must be a multiple of save_every"),
        ("seed: 0", "seed: 0\ncolour: red", "colour: extra inputs"),
    ],
)
def test_each_planted_fault_is_named(tmp_path, old, new, says):
    assert old in GOOD
    found = check(tmp_path, GOOD.replace(old, new, 1))
    said = [p for p in found if says.lower() in f"{p.where}: {p.message}".lower()]
    assert said, [f"{p.where}: {p.message}" for p in found]
    assert said[0].advice


def test_a_recipe_that_leaves_everything_out_is_noted(tmp_path):
    from feab.data.feid import FEID_TASKS

    nothing = ", ".join(f"{task}: 0" for task in FEID_TASKS)
    found = check(tmp_path, GOOD + f"sampling: {{tasks: {{{nothing}}}}}\n")
    assert [p.where for p in found] == ["sampling.tasks"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_recipes_are_clean(name):
    file = shipped("training") / f"{name}.yaml"
    notes = Gather(file)
    check_recipe_file(file, notes)
    assert notes.problems == ()


def test_the_bases_of_the_literature_are_there_and_pinned():
    from feab.training.sft.base import find_base

    for name in ("qwen2.5-vl-7b-lora", "internvl3-8b-lora", "llava-1.5-7b-lora"):
        recipe = load_recipe(shipped("training") / f"{name}.yaml")
        assert isinstance(recipe, SftRecipe)
        base = find_base(recipe.base)
        assert not base.source.local
        assert base.source.revision is not None


def test_fields_can_be_replaced_and_are_checked_then():
    path = shipped("training") / "feab-tiny-lora.yaml"
    assert load_recipe(path, seed=4, batch_size=64).seed == 4
    with pytest.raises(FeabError, match="does not divide"):
        load_recipe(path, batch_size=33)


@pytest.mark.parametrize("name", ["ddp", "fsdp", "deepspeed_zero3"])
def test_accelerate_reads_the_shipped_configurations(name):
    commands = pytest.importorskip("accelerate.commands.config.config_args")
    config = commands.load_config_from_file(str(shipped("training") / "accelerate" / f"{name}.yaml"))
    assert config.num_processes == 2
    if name == "fsdp":  # whole weights in checkpoints: the result is taken from one
        assert config.fsdp_config["fsdp_state_dict_type"] == "FULL_STATE_DICT"
    if name == "deepspeed_zero3":
        assert config.deepspeed_config["zero3_save_16bit_model"] is True
