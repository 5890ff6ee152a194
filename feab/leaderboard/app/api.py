"""The API of a leaderboard: named endpoints that `feab submit` and any gradio_client can call.

`/about`, `/table`, `/seasons`, `/season`, `/questions`, `/check` and `/submit` take and give JSON. Nothing of them is
shown on a page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

import feab
from feab.errors import FeabError
from feab.leaderboard.checking import Progress
from feab.leaderboard.seasons import questions as questions_of
from feab.leaderboard.service import Service
from feab.leaderboard.told import plain, table_told, told_of

_TEXT = {"type": "string"}
_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": {}}
_FILE = {**_OBJECT, "title": "FileData", "description": "the zip that `feab submit RUN --pack FILE` writes"}

_Takes = tuple[str, dict[str, Any], Any]
"""An argument: its name, its form as a JSON schema, and what it is unless given."""


def add_api(service: Service) -> None:
    """Add the endpoints to the app that is being built.

    What is wrong with a submission comes back as its problems; that there is no file, no attempt left or no such
    submitter, as an error of the call.
    """

    def about() -> dict[str, Any]:
        people = service.people
        identity = "none" if people is None else people.kind
        return {"feab": feab.__version__, "identity": identity, "attempts_a_day": service.board.per_day}

    def seasons() -> dict[str, Any]:
        return {"seasons": [one.told() for one in service.seasons]}

    def season(name: object) -> dict[str, Any]:
        with _errors():
            found = next((one for one in service.seasons if one.name == name), None)
            if found is None:
                raise FeabError("there is no such season")
            return given_out(found.given)

    def questions() -> dict[str, Any]:
        with _errors():
            return {"questions": [dataclasses.asdict(one) for one in questions_of(service.board.sets.include)]}

    def table(view: object) -> dict[str, Any]:
        if not isinstance(view, str):
            raise gr.Error("view is the query of a link, a text", print_exception=False)
        with _errors():
            return table_told(service, view)

    def check(file: object, progress: gr.Progress = gr.Progress()) -> dict[str, Any]:  # noqa: B008
        with _errors():
            problems = service.check(uploaded(file), shown_progress(progress, "checking"))
            return {"right": not problems, "problems": list(problems)}

    def submit(
        file: object,
        name: object,
        token: object,
        profile: gr.OAuthProfile | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> dict[str, Any]:
        with _errors():
            user = service.who(_text(name), _text(token), None if profile is None else profile.username)
            verdict = service.submit(uploaded(file), user, shown_progress(progress, "checking"))
            return told_of(verdict, service.board).model_dump(mode="json")

    file: _Takes = ("file", _FILE, None)
    view: _Takes = ("view", _TEXT, "")
    _endpoint(about, [], "What it is and how it knows who submits.", queue=False)
    _endpoint(seasons, [], "The seasons whose faces are given out, the newest first.", queue=False)
    _endpoint(season, [("name", _TEXT, "")], "The faces of a season, as a zip of a dataset folder without labels.")
    _endpoint(questions, [], "What is asked about the faces of a season, task by task.", queue=False)
    _endpoint(table, [view], "The rows of a view, given as the query of a link.", queue=False)
    turns = in_turn(service)
    _endpoint(check, [file], "What is wrong with a submission; counts no attempt and tells no score.", **turns)
    given: list[_Takes] = [file, ("name", _TEXT, ""), ("token", _TEXT, "")]
    _endpoint(submit, given, "Take a submission, score it and list it.", **turns)


def in_turn(service: Service) -> dict[str, Any]:
    """How an event waits that has a submission examined: in the queue, and not in a thread that pages need."""
    return {"concurrency_id": "examined", "concurrency_limit": service.at_once}


def given_out(file: Path) -> dict[str, Any]:
    """A file that a client may fetch, as Gradio tells of one: a copy under its upload folder."""
    copy = save_file_to_cache(file, get_upload_folder())
    return {"path": copy, "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}


def uploaded(file: object) -> Path:
    """The path of a file that was uploaded to this app, from what a client says of it.

    Raises:
        FeabError: when it is anything else: another file of this machine, an address, no file.
    """
    path = file.get("path") if isinstance(file, dict) else None
    if not isinstance(path, str):
        raise FeabError("send the submission as an uploaded file")
    folder = Path(get_upload_folder()).resolve()
    try:
        found = Path(path).resolve()
        there = found.is_relative_to(folder) and found.is_file()
    except (OSError, ValueError, RuntimeError):  # a name that is too long, holds a NUL, or leads in a circle
        there = False
    if not there:
        raise FeabError("there is no such uploaded file; upload it first")
    return found


def _endpoint(function: Callable[..., dict[str, Any]], takes: list[_Takes], told: str, **how: Any) -> None:
    """One named endpoint. A button that is not there triggers it, since `gr.api` cannot tell of progress."""
    gr.Button(visible=False).click(
        function,
        [Api(value, form, label=label) for label, form, value in takes],
        Api(None, _OBJECT),
        api_name=function.__name__,
        api_description=told,
        preprocess=False,
        postprocess=False,
        **how,
    )


@contextmanager
def _errors() -> Iterator[None]:
    """What went wrong, in words that the caller is told, with nothing of where it went wrong here."""
    try:
        yield
    except FeabError as error:
        raise gr.Error(plain(error), print_exception=False) from None


def shown_progress(progress: gr.Progress, doing: str) -> Progress:
    """What tells gradio's own display how far something is."""

    def show(done: int, total: int) -> None:
        progress((done, total), desc=doing, unit="answers")

    return show


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
