"""What lies beside the weights: README.md (the model card), card.yaml (how feab asks it), the recipe, the scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import feab
from feab.models.cards import slug
from feab.packages import version_of
from feab.plots.text import markdown, visible
from feab.runs.surroundings import machine
from feab.schemas import EstimateModel, Scores
from feab.training.sft.checkpoints import write_json
from feab.training.sft.heldout import HeldOut
from feab.training.sft.job import Job

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes", "deepspeed")


@dataclass(frozen=True, slots=True)
class Done:
    """What a training came to."""

    step: int
    """Whose weights were taken."""
    steps: int
    learnt: int
    conversations: int
    faces: int
    """Whom the conversations are about."""
    seconds: float
    shares: Mapping[str, float]
    before: Scores | None
    after: Scores | None


def write_result(job: Job, done: Done, held: HeldOut | None) -> None:
    """Write the files beside the weights."""
    write_json(job.out / "recipe.json", _recipe(job))
    if done.after is not None:
        write_json(job.out / "validation.json", done.after.model_dump(mode="json"))
    (job.out / "card.yaml").write_text(_feab_card(job), encoding="utf-8")
    (job.out / "README.md").write_text(build_card(job, done, held), encoding="utf-8")


def _recipe(job: Job) -> dict[str, Any]:
    """The recipe without the places that it names on this machine; the model card names the data."""
    base = job.base.told if Path(job.recipe.base).expanduser().is_dir() else job.recipe.base
    return job.recipe.model_dump(mode="json", exclude={"data"}) | {"base": base}


def build_card(job: Job, done: Done, held: HeldOut | None) -> str:
    """The model card as Markdown, with the front matter that the Hub reads; no number in it is typed by hand."""
    import jinja2

    # Markdown, not HTML: what strangers wrote goes through `markdown`, the rest is numbers and our own words.
    environment = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"md": markdown, "thousands": "{:,}".format}
    recipe, full = job.recipe, job.recipe.tuning.kind == "full"
    template = environment.from_string((Path(__file__).parent / "card.md.j2").read_text(encoding="utf-8"))
    return template.render(
        name=recipe.name,
        full=full,
        hub_base=None if job.base.source.local else job.base.source.path,
        version=feab.__version__,
        base=job.base.told,
        digest=job.base.digest,
        data=job.feid.info,
        conversations=done.conversations,
        faces=done.faces,
        tuned=_tuned(job),
        learnt=done.learnt,
        step=done.step,
        steps=done.steps,
        examined=done.after is not None,
        recipe=recipe,
        hardware=_hardware(),
        processes=job.processes,
        seconds=_time(done.seconds),
        libraries=", ".join(f"{name} {version}" for name in LIBRARIES if (version := version_of(name))),
        rows=[] if done.after is None else list(_rows(done.before, done.after)),
        held=held,
        shares=done.shares,
        command=_command(job),
    )


def _rows(before: Scores | None, after: Scores) -> Iterator[dict[str, str]]:
    if after.overall is not None:
        first = None if before is None else before.overall
        yield {"name": "overall", "before": _estimate(first), "after": _estimate(after.overall), "coverage": ""}
    for name, task in after.tasks.items():
        first = None if before is None or name not in before.tasks else before.tasks[name].metrics[task.primary]
        yield {
            "name": f"{name}, {task.primary}",
            "before": _estimate(first),
            "after": _estimate(task.metrics[task.primary]),
            "coverage": f"{task.coverage:.3f}",
        }


def _estimate(value: EstimateModel | None) -> str:
    if value is None or value.value is None:
        return "–"
    around = "" if value.low is None or value.high is None else f" ({value.low:.3f} to {value.high:.3f})"
    return f"{value.value:.3f}{around}"


def _tuned(job: Job) -> str:
    tuning = job.recipe.tuning
    parts = ", ".join(tuning.parts) + (f"; whole: {', '.join(tuning.whole)}" if tuning.whole else "")
    if tuning.kind == "full":
        return f"all weights of {parts}"
    quantised = " on a base in four bits" if tuning.kind == "qlora" else ""
    if (info := job.recipe.face_info) is not None:
        quantised += f"; a face module ({info.kind}, face network {info.network})"
    return f"LoRA of rank {tuning.rank}, alpha {tuning.alpha:g}, dropout {tuning.dropout:g} on {parts}{quantised}"


def _hardware() -> str:
    found = machine()
    gpus = found.get("gpus")
    cores = f"{found['cores']} cores, {found['machine']}, {found.get('memory_gib', '?')} GiB"
    return f"{len(gpus)} × {gpus[0]}, {cores}" if gpus else f"CPU: {cores}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _asked_as(job: Job) -> str:
    card = job.base.source.local and not Path(job.base.name).expanduser().is_dir()
    return job.base.told if card else f"hf/{job.base.told}"


def _command(job: Job) -> str:
    out = visible(job.out.name)
    if job.recipe.tuning.kind == "full":
        return f"feab run --model hf/{out}"
    return f"feab run --model {_asked_as(job)} -M adapter={out}"


def _feab_card(job: Job) -> str:
    """card.yaml: for `feab run --model FOLDER` on this machine, where base and adapter lie where they do."""
    import yaml

    full = job.recipe.tuning.kind == "full"
    base = job.base.source
    info = job.recipe.face_info
    own = (
        {} if info is None or info.weights is None else {"face_weights": str(Path(info.weights).expanduser().resolve())}
    )
    card: dict[str, Any] = {
        "name": slug(job.out.resolve().name),
        "description": f"{Path(job.base.name).name} fine-tuned on {job.feid.info.name} by feab"[:500],
        "adapter": "hf/." if full else f"hf/{Path(base.path).resolve() if base.local else base.path}",
        "args": {} if full else {"adapter": str(job.out.resolve()), **own},
        "access": "open",
        "licence": "that of its base and of its data",
        "trained_on": sorted({source.dataset for source in job.feid.info.sources}),
        "intended_use": "Research on reading facial displays; no statement about what a person feels. See README.md.",
    }
    if not base.local and base.revision is not None:
        card["revision"] = base.revision
    text: str = yaml.safe_dump(card, sort_keys=False, allow_unicode=True)
    return text
