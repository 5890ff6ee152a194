"""What a recipe with `method: sft` holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from feab.data.feid import FEID_TASKS, RecordOrigin
from feab.models.faceinfo.config import FaceInfo
from feab.training.fields import Positive, Rate, RecipeName, Share, Strict

Part = Literal["language", "connector", "vision"]
"""Of a vision-language model: the language model, what brings image tokens to its width, the vision tower."""

Weight = Annotated[float, Field(ge=0, le=1e6)]
Name = Annotated[str, Field(min_length=1, max_length=500)]


class Tuning(Strict):
    """Which weights are trained, and how."""

    kind: Literal["lora", "qlora", "full"] = "lora"
    """lora: low-rank adapters (Hu et al. 2022). qlora: the same on a base in four bits (Dettmers et al. 2023), where
    bitsandbytes is installed. full: the weights themselves."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)] = ("language", "connector")
    """What is trained; everything else stays as it is. vLLM takes adapters of `language` only without options."""
    whole: tuple[Part, ...] = ()
    """Beside an adapter: parts whose weights themselves are trained and kept with it, as LLaVA does with its projector.
    None of them is among `parts`."""
    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    alpha: Annotated[float, Field(gt=0, le=4096)] = 32
    dropout: Share = 0.05

    @model_validator(mode="after")
    def _each_once(self) -> Tuning:
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("parts: one is named twice")
        if set(self.parts) & set(self.whole) or (self.whole and self.kind == "full"):
            raise ValueError("whole: a part is trained by an adapter or as a whole; with kind full, name it in parts")
        return self


class Mixture(Strict):
    """How often what is drawn: the product of all its weights, 1 where nothing is said, 0 to leave out."""

    tasks: dict[str, Weight] = Field(default_factory=dict)
    """Task of FEID -> weight of each of its conversations."""
    sources: dict[Name, Weight] = Field(default_factory=dict)
    """Source of FEID -> weight of each of its conversations."""
    origins: dict[RecordOrigin, Weight] = Field(default_factory=dict)
    """Where the labels come from that answers rest on -> weight; `{generated: 0, mixed: 0}` takes people's alone."""
    templates: dict[Name, Weight] = Field(default_factory=dict)
    """Pattern of wordings, such as `benchmark.*/reason/*` -> weight; where several fit, all of them count."""

    @model_validator(mode="after")
    def _known(self) -> Mixture:
        unknown = [name for name in self.tasks if name not in FEID_TASKS]
        if unknown:
            raise ValueError(f"tasks: {unknown[0]!r} is no task of FEID; known are {', '.join(FEID_TASKS)}")
        return self


class Validation(Strict):
    """Faces that are not learnt from, asked about by feab while training goes on.

    With `dataset`, faces of one of its splits (never of the one that scores are computed on). Without, faces of FEID
    itself, by person, judged by what people labelled; those are kept out of training.
    """

    dataset: Name | None = None
    split: Annotated[str, Field(min_length=1, max_length=100)] = "validation"
    tasks: tuple[str, ...] = ()
    """What is asked; by default what can be asked about the labels that are there."""
    samples: Positive = 300
    """Most faces that are asked about."""
    held_out: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Without `dataset`: the share of FEID's faces that is kept out."""
    every: Positive = 100
    """Steps between two examinations."""
    patience: Positive | None = 3
    """Examinations without a better overall score after which training stops; null: it goes on to the end."""

    @model_validator(mode="after")
    def _unseen(self) -> Validation:
        if self.dataset is not None and self.split == "test":
            raise ValueError("split: test is the split that scores are computed on; keep it unseen: name validation")
        return self


class SftRecipe(Strict):
    """`method: sft`: fine-tuning on instruction data."""

    method: Literal["sft"]
    name: RecipeName
    base: Name
    """What is fine-tuned: a folder, a hub id (OWNER/NAME), a model card's name, or `smollm2-vlm`, which is put together
    from feab-tiny's vision tower and SmolLM2-135M-Instruct."""
    revision: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The commit of a hub checkpoint."""
    data: Name | None = None
    """A FEID folder; `--data` wins."""
    tuning: Tuning = Tuning()
    sampling: Mixture = Mixture()
    face_info: FaceInfo | None = None
    """Face Info Mining (EMO-LLaMA) or a prior token (EmoLA): what a face network reads, for the language model."""
    attributes: Literal["agr"] | None = None
    """agr: age group, gender and race of the person in the dataset's own words, before each question (EMO-LLaMA's
    age-gender-race prompt), in training and when it is examined; what that risks: docs/training.md."""
    frames: Positive | None = None
    """Most pictures of a clip that are shown in a conversation, evenly chosen; by default all that the data have."""
    epochs: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Conversations drawn, as a multiple of those there are."""
    steps: Positive | None = None
    """Updates, instead of `epochs`."""
    batch_size: Positive = 16
    """Conversations of one update, over all processes together."""
    micro_batch: Positive = 4
    """Conversations that one process works on at once; the rest is accumulated."""
    learning_rate: Rate = 1e-4
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Share = 0.03
    """Share of the updates over which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    max_grad_norm: Annotated[float, Field(gt=0, le=1000)] = 1.0
    gradient_checkpointing: bool = True
    """Activations are computed twice rather than kept: a third more time, a fraction of the memory."""
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    """auto: bfloat16 on a GPU that computes in it, float32 elsewhere. bfloat16: on such a CPU, too."""
    validation: Validation | None = Validation()
    save_every: Positive | None = None
    """Steps between two checkpoints; by default one goes with each examination."""
    workers: Annotated[int, Field(ge=0, le=64)] | None = None
    """Processes that prepare pictures; by default none on a CPU, 4 on a GPU."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _fits(self) -> SftRecipe:
        if self.batch_size % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch} does not divide batch_size {self.batch_size}")
        if self.face_info is not None and self.tuning.kind == "full":
            raise ValueError("face_info: its weights go with an adapter; take tuning.kind lora, with parts as `whole`")
        every = None if self.validation is None else self.validation.every
        if every is not None and self.save_every is not None and every % self.save_every:
            raise ValueError("validation.every must be a multiple of save_every: the best of them is kept")
        return self

    @property
    def checkpoint_steps(self) -> int:
        """Steps between two checkpoints."""
        return self.save_every or (self.validation.every if self.validation is not None else 100)
