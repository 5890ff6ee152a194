"""TRL's trainer with feab's examinations, stopping rule and log."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from feab.schemas import Prediction
from feab.training.sft.answers_only import score_answers_only
from feab.training.sft.checkpoints import FOLDER, METRIC, without_progress
from feab.training.sft.examine import Examined, answers_to, examined
from feab.training.sft.heldout import HeldOut
from feab.training.sft.recipe import SftRecipe

Log = Callable[[dict[str, Any]], None]
LOGS = "logs"
"""Folder of tensorboard's files."""

_DROPPED = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "total_flos")


class Interruption:
    """Ctrl-C while training: the step is finished and a checkpoint written; a second one stops at once.

    Only where one process trains: several would have to agree at which step they stop, and go on from their last
    common checkpoint instead.
    """

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def heeded(self, alone: bool) -> Iterator[None]:
        """While inside, the first Ctrl-C only asks."""
        if not alone or threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: Any) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def make_config(
    recipe: SftRecipe, out: Path, *, steps: int, processes: int, half: bool, report_to: Sequence[str]
) -> Any:
    """The arguments of TRL's trainer for a recipe."""
    import torch
    from trl import SFTConfig

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(out / LOGS)  # transformers 5 takes it from nowhere else
    on_gpu = torch.cuda.is_available()
    examines = recipe.validation is not None
    return SFTConfig(
        output_dir=str(out / FOLDER),
        max_steps=steps,
        per_device_train_batch_size=recipe.micro_batch,
        gradient_accumulation_steps=recipe.batch_size // (recipe.micro_batch * processes),
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="constant_with_warmup" if recipe.schedule == "constant" else recipe.schedule,
        warmup_steps=round(recipe.warmup * steps),
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        **{_checkpointing(): recipe.gradient_checkpointing},
        bf16=half,
        fp16=False,
        use_cpu=not on_gpu,
        seed=recipe.seed,
        data_seed=recipe.seed,
        train_sampling_strategy="sequential",  # the order is drawn beforehand
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        dataloader_num_workers=recipe.workers if recipe.workers is not None else (4 if on_gpu else 0),
        dataloader_pin_memory=on_gpu,
        logging_steps=max(1, min(10, steps // 20)),
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if examines else "no",
        eval_steps=recipe.validation.every if recipe.validation is not None else None,
        metric_for_best_model=METRIC if examines else None,
        greater_is_better=True if examines else None,
        save_strategy="steps",
        save_steps=recipe.checkpoint_steps,
        save_total_limit=2,
        report_to=list(report_to),
        run_name=recipe.name,
        disable_tqdm=True,
        log_level="error",
    )


def _checkpointing() -> str:
    """What transformers calls gradient checkpointing: it has a new name from some version 5 on."""
    from dataclasses import fields

    from trl import SFTConfig

    new = "activation_checkpointing"
    return new if new in {field.name for field in fields(SFTConfig)} else "gradient_checkpointing"


def make_trainer(
    model: Any,
    processor: Any,
    *,
    config: Any,
    recipe: SftRecipe,
    peft_config: Any,
    rows: Sequence[int],
    collator: Any,
    held: HeldOut | None,
    interruption: Interruption,
    on_examined: Callable[[int, Examined], None],
    log: Log,
) -> Any:
    """A trainer that goes through `rows` of the data in their order, once.

    Args:
        model: the base, or what is trained itself (`peft_config` None).
        processor: of the model.
        config: see `make_config`.
        recipe: what is trained by.
        peft_config: the adapter that is trained.
        rows: the numbers of conversations, as many as the steps take.
        collator: from {"row": number}s to tensors.
        held: what it is examined on.
        interruption: asks for a stop.
        on_examined: called with the step and what was found, in the main process.
        log: told of losses and scores, in the main process.
    """
    from datasets import Dataset
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTTrainer

    class Trainer(SFTTrainer):  # type: ignore[misc]
        control: Any

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            found = self.examine()
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
            return found

        def examine(self) -> dict[str, float]:
            """Ask about the held-out faces; logs the scores and returns them."""
            if held is None:
                raise AssertionError("nothing is held out")
            result = examined(held, _answers(self, processor, held))
            numbers = {f"eval_{name}": value for name, value in result.numbers.items()}
            self.model.eval()  # by which TRL tells what is logged
            self.log(numbers)
            self.model.train()
            if self.accelerator.is_main_process:
                on_examined(self.state.global_step, result)
            return numbers

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Ours is written when training is over."""

    class Course(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            if state.global_step >= state.max_steps:
                control.should_save, control.should_evaluate, control.should_log = True, held is not None, True
            if interruption.asked:
                control.should_save = control.should_training_stop = True
            return control

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            patience = recipe.validation.patience if recipe.validation is not None else None
            if patience is not None and without_progress(state.log_history) >= patience:
                control.should_training_stop = control.should_save = True
            return control

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            logs = kwargs.get("logs")
            if state.is_world_process_zero and logs and "train_runtime" not in logs:
                told = {key: value for key, value in logs.items() if key not in _DROPPED}
                stage = "examination" if METRIC in told else "training"
                log({"stage": stage, "step": state.global_step, "of": state.max_steps, **told})

    trainer = Trainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_dict({"row": list(rows)}),
        eval_dataset=None if held is None else Dataset.from_dict({"row": [0]}),  # the Trainer insists on one
        data_collator=collator,
        processing_class=processor,
        peft_config=peft_config,
        callbacks=[Course()],
    )
    trainer.remove_callback(PrinterCallback)
    if config.use_cpu:
        score_answers_only(trainer.model.get_base_model() if peft_config is not None else trainer.model)
    return trainer


def _answers(trainer: Any, processor: Any, held: HeldOut) -> list[Prediction]:
    """All answers, asked by all processes: each its share, or everything where each holds only a part of the weights.

    With sharded weights every pass needs all processes, so they must ask the same questions in step.
    """
    from accelerate.utils import DistributedType, gather_object

    accelerator, half = trainer.accelerator, bool(trainer.args.bf16)
    if accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED):
        return answers_to(trainer.model, processor, held, half=half)
    model = accelerator.unwrap_model(trainer.model)
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    share, shares = accelerator.process_index, accelerator.num_processes
    mine = answers_to(model, processor, held, half=half, share=share, shares=shares)
    if accelerator.num_processes == 1:
        return mine
    everyone: list[Prediction] = gather_object(mine)
    return everyone
