"""`method: sft` from a recipe and a FEID folder to an adapter or model folder with scores, curves and card."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from feab.data.feid import Feid, open_feid, validate_feid
from feab.errors import FeabError
from feab.journal import FileLock
from feab.models.faceinfo.config import write_config
from feab.packages import version_of
from feab.training.sft.assemble import smollm2_vlm
from feab.training.sft.base import ASSEMBLED, find_base, load_base, lora_config
from feab.training.sft.checkpoints import (
    Checkpoint,
    best_step,
    checkpoints,
    name_base,
    take_result,
    without_progress,
    write_json,
)
from feab.training.sft.faces import learn_faces
from feab.training.sft.heldout import HeldOut, held_out
from feab.training.sft.job import (
    EXAMINATIONS,
    IDENTITY,
    LOCK,
    LOG_NAME,
    Job,
    Log,
    begun,
    noting,
    scores_at,
    seconds_of,
    silent,
)
from feab.training.sft.order import DRAWN_BY, alike_together, draw_order, shares, steps_of, weights_of
from feab.training.sft.recipe import SftRecipe
from feab.training.sft.shown import as_shown

SPLIT = "train"
FACE = ("source", "sample")
"""Columns that tell one face from another."""
COLUMNS = tuple(dict.fromkeys((*DRAWN_BY, *FACE)))
_PATIENT_S = 5.0


def train_sft(
    recipe: SftRecipe,
    out: Path,
    *,
    data: str | Path | None = None,
    base: str | None = None,
    report_to: Sequence[str] = (),
    log: Log,
) -> Path:
    """Fine-tune by a recipe; the folder holds the adapter (or model), its card, scores, curves and log.

    The same call goes on with a training that was interrupted or killed, from its last whole checkpoint, and ends
    where it would have ended; a finished one is let be.

    Args:
        recipe: what to do.
        out: the folder of the result.
        data: a FEID folder, in place of the recipe's.
        base: what is fine-tuned, in place of the recipe's.
        report_to: further places for the curves: "wandb", "trackio".
        log: told of every event.

    Raises:
        FeabError: when something that is needed is not installed, the data are not as they should be (with the row),
            the folder holds another training, or the base cannot be trained so.
        KeyboardInterrupt: on Ctrl-C, after a checkpoint was written; the same call goes on.
    """
    _require(report_to)
    from accelerate import PartialState

    if base is not None:
        recipe = recipe.model_copy(update={"base": base, "revision": None})
    where = data if data is not None else recipe.data
    if where is None:
        raise FeabError(
            "which data? name a FEID folder with --data, or as `data` in the recipe; `feab seke feid` makes one"
        )
    import torch

    # Without a GPU, processes that accelerate started find each other only when they are told that there is none.
    processes = PartialState(cpu=not torch.cuda.is_available())
    feid = _checked(Path(where).expanduser(), processes.is_main_process, log)
    with processes.main_process_first():
        assembled = recipe.base == ASSEMBLED
        found = find_base(str(smollm2_vlm(log)) if assembled else recipe.base, recipe.revision)
    job = Job(
        recipe,
        found,
        feid,
        out,
        processes.num_processes,
        processes.process_index,
        noting(out, log) if processes.is_main_process else silent,
    )
    if recipe.batch_size % (recipe.micro_batch * job.processes):
        raise FeabError(
            f"batch_size {recipe.batch_size} cannot be shared by {job.processes} processes with micro_batch "
            f"{recipe.micro_batch}; choose them so that it is a multiple of their product"
        )
    with _alone(out) if processes.is_main_process else nullcontext():
        with processes.main_process_first():
            finished = begun(job)
        if not finished:
            _train(job, report_to)
        processes.wait_for_everyone()
    return out


def _alone(out: Path) -> AbstractContextManager[None]:
    """Nobody else works on the folder meanwhile, such as the same command in another terminal."""
    out.mkdir(parents=True, exist_ok=True)
    return FileLock(out / LOCK).held()


def _require(report_to: Sequence[str]) -> None:
    missing = [name for name in ("torch", "transformers", "trl", "peft", "accelerate") if version_of(name) is None]
    if missing:
        raise FeabError(f"fine-tuning needs {', '.join(missing)}: pip install -c constraints.txt '.[train]'")
    for name in report_to:
        if name not in ("wandb", "trackio"):
            raise FeabError(f"--report {name}: known are wandb and trackio (tensorboard's files are always written)")
        if version_of(name) is None:
            raise FeabError(f"--report {name}: it is not installed: pip install {name}")


def _checked(folder: Path, main: bool, log: Log) -> Feid:
    """The data, every row and picture of them looked at before anything is loaded."""
    said = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal said
        if main and time.monotonic() - said > _PATIENT_S:
            said = time.monotonic()
            log({"stage": "checking the data", "done": done, "of": total})

    validate_feid(folder, on_progress=progress)
    return open_feid(folder, SPLIT)


def _train(job: Job, report_to: Sequence[str]) -> None:
    import torch
    from transformers.utils import logging as hf_logging

    from feab.training.sft.card import Done, write_result
    from feab.training.sft.collate import Collator
    from feab.training.sft.curves import draw_curves
    from feab.training.sft.speech import Speech, end_marks
    from feab.training.sft.talks import Talks
    from feab.training.sft.trainer import Interruption, make_config, make_trainer

    recipe = job.recipe
    hf_logging.disable_progress_bar()
    held = None if recipe.validation is None else held_out(recipe.validation, job.feid, recipe.seed, recipe.attributes)
    table = job.feid.table(COLUMNS)
    weights = weights_of(table, recipe.sampling, () if held is None else held.rows)
    steps = steps_of(recipe, int((weights > 0).sum()))
    rows = draw_order(weights, steps * recipe.batch_size, recipe.seed)
    job.note({"stage": "data", "conversations": int((weights > 0).sum()), "steps": steps, **_held_words(held)})

    half = _half(recipe)
    # Before the model is loaded: with DeepSpeed, from_pretrained has to know of it.
    places = ["tensorboard", *report_to] if version_of("tensorboard") else list(report_to)
    config = make_config(recipe, job.out, steps=steps, processes=job.processes, half=half, report_to=places)
    resumed = next(reversed(checkpoints(job.out)), None)
    config.eval_on_start = held is not None and resumed is None
    device = str(config.device) if recipe.tuning.kind == "qlora" else "cpu"
    model, processor = load_base(job.base, recipe, half=half, device=device)
    parameters = sum(weight.numel() for weight in model.parameters())
    forbidden = sorted(set(processor.tokenizer.all_special_tokens))
    job.out.mkdir(parents=True, exist_ok=True)
    talks = Talks(as_shown(job.feid, recipe), job.out, forbidden=forbidden)
    ordered = alike_together(rows, [talks.size(int(row)) for row in rows], recipe.batch_size)
    faces = None if recipe.face_info is None else learn_faces(recipe.face_info, model, talks, ordered, job)
    speech = Speech(processor, end_marks(model, processor.tokenizer))

    def keep(step: int, found: Any) -> None:
        folder = job.out / EXAMINATIONS
        folder.mkdir(exist_ok=True)
        write_json(folder / f"{step}.json", found.scores.model_dump(mode="json"))

    interruption = Interruption()
    trainer = make_trainer(
        model,
        processor,
        config=config,
        recipe=recipe,
        peft_config=None if recipe.tuning.kind == "full" else lora_config(model, recipe.tuning),
        rows=ordered,
        collator=Collator(talks, processor, speech, faces),
        held=held,
        interruption=interruption,
        on_examined=keep,
        log=job.note,
    )
    learnt = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
    begin = {"stage": "begin", "parameters": parameters, "learning": learnt}
    job.note({**begin, "precision": "bfloat16" if half else "float32", "from_step": resumed.step if resumed else 0})
    if resumed is None or not _over(resumed, recipe, steps):
        with interruption.heeded(job.processes == 1), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # between TRL and transformers
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed.path))
        if interruption.asked:
            raise KeyboardInterrupt
    trainer.accelerator.wait_for_everyone()
    if job.rank == 0:
        chosen = _chosen(checkpoints(job.out))
        take_result(chosen, job.out)
        if recipe.tuning.kind == "full":
            processor.save_pretrained(job.out)
        else:
            name_base(job.out, job.base.told if job.base.source.local else job.base.source.path)
        if recipe.face_info is not None and faces is not None:
            write_config(job.out, recipe.face_info, faces.digest)
        seconds, used = seconds_of(job.out), weights.nonzero()[0]
        job.note({"stage": "taken", "step": chosen.step, "seconds": round(seconds, 1)})
        draw_curves(job.out / LOG_NAME, job.out / "curves.png")
        done = Done(
            step=chosen.step,
            steps=steps,
            learnt=learnt,
            conversations=int((weights > 0).sum()),
            faces=len(set(zip(*(table.column(name).take(used).to_pylist() for name in FACE), strict=True))),
            seconds=seconds,
            shares=shares(weights, table.column("task").to_pylist()),
            before=scores_at(job.out, 0),
            after=scores_at(job.out, chosen.step),
        )
        write_result(job, done, held)
        write_json(job.out / IDENTITY, {"identity": job.identity, "finished": True, "step": chosen.step})
    if faces is not None:
        faces.close()
    if torch.cuda.is_available():
        del trainer, model
        torch.cuda.empty_cache()


def _over(checkpoint: Checkpoint, recipe: SftRecipe, steps: int) -> bool:
    """Whether nothing was left to train when this was written: the process ended before the result was taken."""
    patience = recipe.validation.patience if recipe.validation is not None else None
    return checkpoint.step >= steps or (patience is not None and without_progress(checkpoint.history) >= patience)


def _chosen(found: Sequence[Checkpoint]) -> Checkpoint:
    """The best checkpoint by overall score, or the last where nothing was examined."""
    if not found:
        raise FeabError("training left no checkpoint behind; is the disk full?")
    best = best_step(found[-1].history)
    return next((one for one in found if one.step == best), found[-1])


def _half(recipe: SftRecipe) -> bool:
    """Whether to compute in bfloat16; on a CPU only where the recipe says so.

    Raises:
        FeabError: when the recipe wants it and the device does not.
    """
    import torch

    on_gpu = torch.cuda.is_available()
    can = torch.cuda.is_bf16_supported() if on_gpu else cpu_computes_in_bfloat16()
    if recipe.precision == "bfloat16" and not can:
        raise FeabError("precision bfloat16: this device does not compute in it; take `precision: auto` or float32")
    return recipe.precision == "bfloat16" or (on_gpu and can and recipe.precision == "auto")


def cpu_computes_in_bfloat16() -> bool:
    """Whether the CPU has instructions for it; others take several steps for one and are slower than in float32."""
    import torch

    found: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot tell
    return any(bool(found.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _held_words(held: HeldOut | None) -> dict[str, Any]:
    return {} if held is None else {"examined_on": held.name, "faces": len(held.samples), "kept_out": len(held.rows)}
