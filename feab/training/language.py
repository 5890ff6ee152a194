"""The language stage: a small Llama learns to say, in the words each prompt asks for, what the image token holds.

The tower is frozen by now, so image tokens of a few augmented views are computed once. All rows of a batch share one
question, which the chat template puts before the picture: its keys and values are computed once per batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from feab.tasks import Task
from feab.tasks.answering import Truth, answer_text
from feab.training.descent import descent
from feab.training.pictures import Faces, augment, normalise
from feab.training.recipe import LanguageStage
from feab.vocabulary import EXPRESSIONS, FEAB_17


def truths(faces: Faces) -> list[Truth]:
    """The labels of each face; an AU counts as displayed where its presence is 1."""
    rows = zip(faces.expression.tolist(), faces.va.tolist(), faces.presence.tolist(), strict=True)
    return [
        Truth(
            EXPRESSIONS[code] if code >= 0 else None,
            (va[0], va[1]),
            frozenset(au for au, shown in zip(FEAB_17, presence, strict=True) if shown == 1),
        )
        for code, va, presence in rows
    ]


def corpus(tasks: Sequence[Task], known: Sequence[Truth], ids: Sequence[str]) -> list[str]:
    """Every prompt and some hundred answers to each, in a fixed order, for the tokenizer to learn from."""
    texts: list[str] = []
    for task in tasks:
        for name in task.prompts:
            for k in range(0, len(ids), max(1, len(ids) // 200)):
                if task.kind != "expression" or known[k].expression is not None:
                    order = task.order(name, ids[k])
                    texts += [task.prompt_text(name, ids[k]), answer_text(task, name, order, known[k])]
    return texts


class Speaker:
    """A model and its processor, laid out for training on answers: shared question, image token, answer."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.tokenizer = model, processor.tokenizer
        self.text = model.model.language_model
        self.embed = self.text.get_input_embeddings()
        self.image_id = self.tokenizer.convert_tokens_to_ids(processor.image_token)
        self.end = self.tokenizer.eos_token_id
        self._processor = processor

    def split(self, question: str) -> tuple[list[int], list[int]]:
        """Token ids before the picture, and from it (its one token) to the start of the answer."""
        from PIL import Image

        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
        text = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        blank = Image.new("RGB", (8, 8))
        ids = self._processor(text=[text], images=[blank], return_tensors="pt")["input_ids"][0].tolist()
        place = ids.index(self.image_id)
        return ids[:place], ids[place:]

    def loss(self, question: str, tokens: Any, answers: Sequence[str]) -> Any:
        """Mean cross-entropy of the answers' tokens given question and image tokens (b, width)."""
        import torch

        before, after = self.split(question)
        said = [[*ids, self.end] for ids in self.tokenizer(list(answers), add_special_tokens=False)["input_ids"]]
        longest = max(map(len, said))
        rows = torch.tensor([after + ids + [self.end] * (longest - len(ids)) for ids in said])
        real = torch.tensor([[1] * (len(after) + len(ids)) + [0] * (longest - len(ids)) for ids in said])
        past = self.text(input_ids=torch.tensor([before]), use_cache=True).past_key_values
        past.batch_repeat_interleave(len(said))
        inputs = self.embed(rows)
        inputs = torch.cat([tokens[:, None], inputs[:, 1:]], 1)
        seen = torch.cat([torch.ones(len(said), len(before), dtype=torch.long), real], 1)
        hidden = self.text(inputs_embeds=inputs, past_key_values=past, attention_mask=seen).last_hidden_state
        logits = self.model.lm_head(hidden[:, len(after) - 1 : -1])
        target = rows[:, len(after) :].masked_fill(real[:, len(after) :] == 0, -100)
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), target.flatten(), ignore_index=-100)


def image_tokens(encode: Any, faces: Faces, views: int, seed: int, *, batch_size: int = 128) -> Any:
    """(views + 1, n, width): the plain picture first, then augmented views."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    rounds = []
    with torch.no_grad():
        for view in range(views + 1):
            parts = []
            for start in range(0, len(faces), batch_size):
                pixels = normalise(faces.pixels[start : start + batch_size])
                parts.append(encode(augment(pixels, generator) if view else pixels))
            rounds.append(torch.cat(parts))
    return torch.stack(rounds)


def fit_language(
    speaker: Speaker,
    tasks: Sequence[Task],
    faces: Faces,
    tokens: Any,
    stage: LanguageStage,
    *,
    seed: int,
    log: Callable[[dict[str, Any]], None],
) -> None:
    """Train the language model in place on questions drawn by prompt share, tasks in turn."""
    import torch

    rng = np.random.default_rng(seed)
    known = truths(faces)
    with_class = np.flatnonzero(faces.expression.numpy() >= 0)
    update = descent(
        speaker.text.parameters(),
        steps=stage.steps,
        rate=stage.learning_rate,
        weight_decay=stage.weight_decay,
        warmup=stage.warmup,
    )
    shares = np.array(list(stage.prompts.values()))
    speaker.model.train()
    started = time.monotonic()
    losses: dict[str, list[float]] = {task.name: [] for task in tasks}
    for step in range(stage.steps):
        task = tasks[step % len(tasks)]
        prompt = str(rng.choice(list(stage.prompts), p=shares / shares.sum()))
        pool = with_class if task.kind == "expression" else np.arange(len(faces))
        rows = rng.choice(pool, stage.batch_size)
        example = faces.ids[int(rows[0])]  # all rows share the options in the order this one's question shows them
        order = task.order(prompt, example)
        answers = [answer_text(task, prompt, order, known[int(k)]) for k in rows]
        picked = tokens[torch.from_numpy(rng.integers(len(tokens), size=len(rows))), torch.from_numpy(rows)]
        losses[task.name].append(update(speaker.loss(task.prompt_text(prompt, example), picked, answers)))
        if (step + 1) % 100 == 0 or step + 1 == stage.steps:
            means = {name: float(np.mean(values[-30:])) for name, values in losses.items() if values}
            log({"step": step + 1, "loss": means, "seconds": time.monotonic() - started})
    speaker.model.eval()
