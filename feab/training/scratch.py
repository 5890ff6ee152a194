"""`method: scratch`: from a recipe to a model folder that `feab run` takes, with log, curves and validation scores."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.schemas import TaskScores
from feab.tasks import Task, load_tasks
from feab.training.pictures import Faces, load_faces, seen_by
from feab.training.recipe import ScratchRecipe

Log = Callable[[dict[str, Any]], None]
LOG_NAME = "training.jsonl"


def train_scratch(recipe: ScratchRecipe, out: Path, *, log: Log) -> Path:
    """Make the model of a recipe in folder `out`: weights, processor, recipe, log, curves and validation scores.

    The vision stage, the language stage; then the finished folder is asked about the validation split by feab's own
    adapter and scored by feab's own scorer. The test split is never opened.

    Raises:
        FeabError: when `out` already holds a model, the recipe does not fit its tasks or faces, or the extra `hf` is
            not installed.
    """
    try:
        import torch
        import transformers
    except ImportError:
        raise FeabError("training needs torch and transformers: pip install -c constraints.txt '.[hf]'") from None
    from feab.data import load_dataset
    from feab.training.language import Speaker, corpus, fit_language, image_tokens, truths
    from feab.training.reading import fit, loss_of, make_heads
    from feab.training.tiny import build_model, build_processor
    from feab.training.tower import make_eye

    if (out / "model.safetensors").exists():
        raise FeabError(f"{out} already holds a model; name another --out, or remove it first")
    tasks = load_tasks(recipe.tasks)
    _check_prompts(recipe, tasks)
    out.mkdir(parents=True, exist_ok=True)
    transformers.utils.logging.disable_progress_bar()
    started = time.monotonic()

    def note(event: dict[str, Any]) -> None:
        event = {**event, "total_seconds": round(time.monotonic() - started, 1)}
        with (out / LOG_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        log(event)

    (out / LOG_NAME).unlink(missing_ok=True)
    faces = load_split(recipe, recipe.train_split, note)
    _check_batches(recipe, len(faces))
    note({"stage": "data", "faces": len(faces)})

    torch.manual_seed(recipe.seed)
    known = truths(faces)
    processor = build_processor(recipe.architecture, corpus(tasks, known, faces.ids))
    model = build_model(recipe.architecture, processor.tokenizer)
    eye, heads = make_eye(model), make_heads(recipe.architecture.text.width)

    def stage(name: str) -> Log:
        return lambda event: note({"stage": name, **event})

    def wrong(pixels: Any, rows: Any) -> Any:
        return loss_of(heads, eye(pixels), faces, rows)

    fit([eye, heads], wrong, faces, recipe.vision, seed=recipe.seed, log=stage("vision"))
    tokens = image_tokens(eye, faces, recipe.language.views, recipe.seed)
    note({"stage": "image tokens", "views": len(tokens)})
    speaker = Speaker(model, processor)
    fit_language(speaker, tasks, faces, tokens, recipe.language, seed=recipe.seed, log=stage("language"))

    model.to(getattr(torch, recipe.dtype)).save_pretrained(out)
    processor.save_pretrained(out)
    (out / "recipe.json").write_text(recipe.model_dump_json(indent=1) + "\n", encoding="utf-8")
    note({"stage": "saved", "parameters": sum(p.numel() for p in model.parameters())})
    unseen = load_dataset(recipe.dataset, recipe.validation_split)
    scores = {name: in_short(task) for name, task in scores_of(out, tasks, unseen).items()}
    (out / "validation.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    note({"stage": "validation", **{name: task["primary"] for name, task in scores.items()}})
    draw_curves(out)
    return out


def _check_prompts(recipe: ScratchRecipe, tasks: list[Task]) -> None:
    for task in tasks:
        unknown = [name for name in recipe.language.prompts if name not in task.prompts]
        if unknown:
            known = ", ".join(task.prompts)
            raise FeabError(f"language.prompts: task {task.name} has no prompt {unknown[0]!r}; it has {known}")


def _check_batches(recipe: ScratchRecipe, faces: int) -> None:
    """Each batch of the vision stage is full, so fewer faces than one batch would train nothing."""
    if recipe.vision.batch_size > faces:
        raise FeabError(f"vision.batch_size {recipe.vision.batch_size} is more than the {faces} faces to train on")


def load_split(recipe: ScratchRecipe, split: str, note: Log) -> Faces:
    """The faces of one split as the recipe's model sees them; a rendered split is rendered first if need be."""
    from feab.data import load_dataset
    from feab.training.tiny import build_image_processor

    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 5:
            last = time.monotonic()
            note({"stage": "faces", "split": split, "done": done, "of": total})

    dataset = load_dataset(recipe.dataset, split, on_progress=progress)
    return load_faces(dataset, seen_by(build_image_processor(recipe.architecture.picture)), progress)


def scores_of(folder: Path, tasks: list[Task], dataset: Any) -> dict[str, TaskScores]:
    """Ask the saved model about a dataset through the `hf` adapter, prompt `direct`; scores per task.

    Raises:
        FeabError: when the model fails on a question.
    """
    from feab.models import load_model
    from feab.tasks.scoring import score_task
    from feab.training.asking import predictions_of

    model = load_model(f"hf/{folder.resolve()}", dtype="float32")
    found: dict[str, TaskScores] = {}
    for task in tasks:
        predictions = predictions_of(model, task.questions(dataset))
        found[task.name] = score_task(task, predictions, dataset.labels())
    model.close()
    return found


def in_short(scores: TaskScores) -> dict[str, Any]:
    """A task's primary metric with its 95 % interval, and the coverage."""
    primary = scores.metrics[scores.primary]
    return {
        "metric": scores.primary,
        "primary": primary.value,
        "interval": [primary.low, primary.high],
        "coverage": scores.coverage,
    }


def draw_curves(folder: Path) -> None:
    """training.jsonl -> curves.png: loss of both stages over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    events = [json.loads(line) for line in (folder / LOG_NAME).read_text(encoding="utf-8").splitlines()]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    epochs = [e for e in events if e.get("stage") == "vision"]
    left.plot([e["epoch"] for e in epochs], [e["loss"] for e in epochs])
    left.set(title="vision stage", xlabel="epoch", ylabel="loss")
    language = [e for e in events if e.get("stage") == "language"]
    for name in language[0]["loss"] if language else ():
        right.plot([e["step"] for e in language], [e["loss"].get(name) for e in language], label=name)
    right.set(title="language stage", xlabel="step", ylabel="cross-entropy of the answer", yscale="log")
    right.legend(fontsize=7)
    figure.savefig(folder / "curves.png", dpi=110)
    pyplot.close(figure)
