"""Questions for a chat class of lm-eval that a run of the shipped tasks does not have; run by test_lm_eval_adapter.py.

    python tests/peers/ask_lm_eval.py URL ARGUMENTS QUESTIONS

ARGUMENTS is a JSON object of adapter arguments, QUESTIONS a JSON list of [name, words, draws]. Prints one JSON line a
completion, in the order they came, and in the end what the adapter raised, if it did.
"""

from __future__ import annotations

import io
import json
import sys

import feab
from feab.errors import FeabError
from feab.records import Image, Media, Message, Question, Sampling, Text


def jpeg() -> bytes:
    from PIL import Image as Pillow

    data = io.BytesIO()
    Pillow.new("RGB", (24, 16), (200, 120, 90)).save(data, "JPEG")
    return data.getvalue()


def ask(name: str, words: str, draws: int, picture: bytes) -> Question:
    shown = Image(Media(data=b"no picture" if name == "broken image" else picture))
    return Question(
        task="t",
        sample=name,
        prompt="p",
        kind="expression",
        messages=(Message("system", (Text("Be brief."),)), Message("user", (shown, Text(words)))),
        choices=("happiness", "sadness"),
        n=draws,
        sampling=Sampling(temperature=0.0 if draws == 1 else 0.7, top_p=0.9, max_tokens=9, seed=5),
    )


def tell(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


def main(url: str, arguments: str, questions: str) -> None:
    picture = jpeg()
    try:
        model = feab.load_model("lm-eval/local-chat-completions/tiny", base_url=url, **json.loads(arguments))
        for one in model.generate(ask(*given, picture) for given in json.loads(questions)):
            tell({
                "name": one.question.sample,
                "draw": one.question.first_draw,
                "texts": one.texts,
                "finish": one.finish_reasons,
                "tokens": [one.usage.input_tokens, one.usage.output_tokens],
                "error": None if one.error is None else [one.error.kind, one.error.message],
            })  # fmt: skip
        tell({"info": [model.info.local, model.info.endpoint, dict(model.info.args_that_change_answers)]})
        model.close()
    except FeabError as error:
        tell({"raised": str(error)})


if __name__ == "__main__":
    main(*sys.argv[1:])
