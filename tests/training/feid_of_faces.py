"""FEID folders about rendered faces, small enough to be learnt from while tests run."""

from __future__ import annotations

from feab.data import load_dataset
from feab.data.feid import FeidLabels, FeidRecord
from feab.data.feid.info import FeidInfo, FeidSource, LevelCounts
from feab.data.feid.write import FeidWriter, write_feid_info
from feab.records import Image, Message, Text

QUESTION = "Which of these expressions does this face display: {}? Answer with the label only."
LABELS = "neutral, happiness, sadness, surprise, fear, disgust, anger, contempt"


def said(role, text, *media):
    return Message(role, (*map(Image, media), Text(text)))


def record(sample, task="choice", source="synth"):
    """One conversation about a face: a label, and as task `conversation` its valence in a second turn."""
    messages = [said("user", QUESTION.format(LABELS), sample.media), said("assistant", sample.expression)]
    if task == "conversation":
        messages += [said("user", "And its valence?"), said("assistant", f"valence: {sample.valence:.2f}")]
    presence = sample.au_presence
    labels = FeidLabels(
        sample.expression, (round(sample.valence, 3), round(sample.arousal, 3)),
        frozenset(au for au, shown in presence.items() if shown == 1), frozenset(presence),
        dict.fromkeys(("expression", "valence_arousal", "action_units"), "human"),
    )  # fmt: skip
    return FeidRecord(
        id=f"{sample.id}#{task}", sample=sample.id, source=source, subject=sample.subject, task=task,
        template=f"{task}/q1", messages=tuple(messages), images=(sample.media,), labels=labels,
        levels=("expression",), grounds=("expression",),
    )  # fmt: skip


def some_faces(count, start=0):
    """Rendered faces with an expression, of many people."""
    dataset = load_dataset("synth", "test")
    found = (dataset[number] for number in range(start, len(dataset), 7))
    return [sample for sample in found if sample.expression is not None][:count]


def write_feid(folder, records, fingerprint="0" * 64):
    """A FEID folder of records."""
    records = list(records)
    with FeidWriter(folder) as writer:
        for one in records:
            writer.add([one])
        split = writer.finish()
    source = FeidSource(
        dataset="synth", split="train", fingerprint=fingerprint, licence="CC0-1.0", images_may_be_shared=True,
        third_party="allowed", faces=len(records), levels={"expression": LevelCounts(human=len(records))},
    )  # fmt: skip
    tasks = {task: sum(one.task == task for one in records) for task in sorted({one.task for one in records})}
    info = FeidInfo(
        name="faces", seed=0, feab_version="0", templates_sha256="0" * 64, splits={"train": split}, sources=[source],
        tasks=tasks, records_by_origin={"human": len(records)}, images_may_be_shared=True,
    )  # fmt: skip
    write_feid_info(folder, info)
    return folder


def feid_of(folder, count=24):
    """Each face in one conversation, every third one of two turns."""
    faces = some_faces(count)
    tasks = ["conversation" if number % 3 == 0 else "choice" for number in range(len(faces))]
    return write_feid(folder, [record(face, task) for face, task in zip(faces, tasks, strict=True)])
