"""From conversations to the tensors of one step, with labels on the answers alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from feab.errors import FeabError
from feab.models.images import ImageError, decode, read_media
from feab.records import Image
from feab.training.sft.speech import Speech, Spoken
from feab.training.sft.talks import Talk, Talks

IGNORED = -100
"""Label of a token that nothing is learnt from, as torch's cross-entropy has it."""


class Collator:
    """Makes a batch of conversations: the processor's own output for them, and `labels`.

    The processor is called as for asking, on whole conversations, so that pictures come at the model's own resolution
    and with whatever else it makes of them. How many tokens a picture becomes is its business; after the last picture
    its tokens are those of the plain text, which is how answers are found in them.
    """

    def __init__(self, talks: Talks, processor: Any, speech: Speech) -> None:
        self._talks = talks
        self._processor = copy.deepcopy(processor)
        self._speech = speech

    def __call__(self, examples: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        """`examples`: {"row": number of a conversation}."""
        return self.batch([self._talks[example["row"]] for example in examples])

    def batch(self, talks: Sequence[Talk]) -> dict[str, Any]:
        """The inputs of a training step, and its labels: token ids, or `IGNORED`.

        Raises:
            FeabError: naming the conversation whose picture is broken, or whose answers cannot be found.
        """
        import torch

        spoken = [self._speech.render(talk) for talk in talks]
        texts = [one.text for one in spoken]
        plainly = self._plainly(texts[0])
        fields = dict(
            self._processor(
                text=texts,
                images=[self._pictures(talk) for talk in talks],
                padding=True,
                padding_side="right",  # InternVL's processor pads on the left whatever its tokenizer says
                return_tensors="pt",
                add_special_tokens=plainly,
            )
        )
        labels = torch.full_like(fields["input_ids"], IGNORED)
        for row, (talk, one) in enumerate(zip(talks, spoken, strict=True)):
            real = fields["attention_mask"][row].nonzero().flatten()
            ids, marked = self._answers(one, plainly)
            tail = len(ids) - marked[0]
            whole = fields["input_ids"][row, real]
            if whole[-tail:].tolist() != ids[-tail:]:
                raise FeabError(f"record {talk.id!r}: the processor changes the text of answers; nothing can be learnt")
            places = torch.tensor(marked) + (len(real) - len(ids))
            labels[row, real[places]] = whole[places]
        return {**fields, "labels": labels}

    def _answers(self, spoken: Spoken, plainly: bool) -> tuple[list[int], list[int]]:
        """Tokens of the text with its placeholders, and which of them belong to answers."""
        encoded = self._processor.tokenizer(spoken.text, return_offsets_mapping=True, add_special_tokens=plainly)
        marked = [
            place
            for place, (start, end) in enumerate(encoded["offset_mapping"])
            if start < end and any(start < last and end > first for first, last in spoken.answers)
        ]
        return encoded["input_ids"], marked

    def _plainly(self, text: str) -> bool:
        """Whether the tokenizer adds its marks: never a second <s> after the one that the template wrote."""
        start = self._processor.tokenizer.bos_token
        return not (start and text.startswith(start))

    def _pictures(self, talk: Talk) -> list[Any]:
        media = [part.media for message in talk.messages for part in message.parts if isinstance(part, Image)]
        try:
            return [decode(data) for data in read_media(media)]
        except ImageError as error:
            raise FeabError(f"record {talk.id!r}: a picture {error}") from None
