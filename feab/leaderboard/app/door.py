"""The form to submit with: a file that is checked as soon as it is there, and who submits it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.utils import get_space

from feab.errors import FeabError
from feab.leaderboard.app.api import in_turn, shown_progress
from feab.leaderboard.pages.submit import checked, verdict_shown, wrong
from feab.leaderboard.service import Service
from feab.leaderboard.told import plain


def add_door(service: Service) -> None:
    """Add the form to the app that is being built; nothing where nobody can submit on its page."""
    if service.people is None:
        return
    file = gr.File(label="submission.zip, as feab submit --pack writes it", file_types=[".zip"], elem_id="board-file")
    found = gr.HTML(elem_id="board-checked", elem_classes="board", apply_default_css=False)
    with gr.Row():
        name = gr.Textbox(label="Name", max_lines=1, visible=service.people.kind == "token", elem_id="board-name")
        in_space = get_space() is not None
        token = gr.Textbox(
            label="Token",
            type="password",
            max_lines=1,
            visible=service.people.kind == "token" or not in_space,
            elem_id="board-token",
        )
    if service.people.kind == "account" and in_space:
        gr.LoginButton()
    send = gr.Button("Submit", variant="primary", interactive=False, elem_id="board-send")
    verdict = gr.HTML(elem_id="board-verdict", elem_classes="board", apply_default_css=False)

    def check(path: str | None, progress: gr.Progress = gr.Progress()) -> tuple[str, gr.Button, str]:  # noqa: B008
        if path is None:
            return "", gr.Button(interactive=False), ""
        problems = service.check(Path(path), shown_progress(progress, "checking"))
        return str(checked(problems)), gr.Button(interactive=not problems), ""

    def submit(
        path: str | None,
        who: str,
        secret: str,
        profile: gr.OAuthProfile | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        try:
            if path is None:
                raise FeabError("choose a file first")
            user = service.who(who, secret, None if profile is None else profile.username)
            return str(
                verdict_shown(
                    service.submit(Path(path), user, shown_progress(progress, "checking")), service.board.per_day
                )
            )
        except FeabError as error:
            return str(wrong(plain(error)))

    turns = in_turn(service)
    file.change(check, file, [found, send, verdict], api_visibility="private", show_progress_on=found, **turns)
    send.click(submit, [file, name, token], verdict, api_visibility="private", **turns)
