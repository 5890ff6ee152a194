"""What `-M` takes for every checkpoint that runs on this machine, whatever runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from feab.errors import FeabError
from feab.models.hf_load import folder_digest
from feab.yamlfile import read_text


class CheckpointOptions(BaseModel):
    """Arguments with one meaning for `hf/…` and `vllm/…`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    revision: str | None = Field(None, description="commit, tag or branch of a hub checkpoint")
    max_new_tokens: int | None = Field(None, ge=1, le=100_000, description="limit instead of the prompt's own")
    min_pixels: int | None = Field(None, ge=1, description="smaller images are enlarged to this area")
    max_pixels: int | None = Field(None, ge=1, description="larger images are reduced to this area")
    adapter: str | None = Field(None, description="folder of a LoRA adapter (peft)")
    chat_template: str | None = Field(None, description="file with a Jinja chat template instead of the checkpoint's")
    trust_remote_code: bool = Field(False, description="run the checkpoint's own code; read it first")
    verbose: bool = Field(False, description="let the libraries speak")

    def read_template(self) -> str | None:
        """The text of the chat template that was asked for.

        Raises:
            FeabError: when the file cannot be read.
        """
        return None if self.chat_template is None else read_text(Path(self.chat_template).expanduser(), 1024 * 1024)

    @property
    def adapter_folder(self) -> Path | None:
        """The LoRA adapter's folder.

        Raises:
            FeabError: when it holds no adapter's weights.
        """
        if self.adapter is None:
            return None
        folder = Path(self.adapter).expanduser()
        if not (folder / "adapter_model.safetensors").is_file():
            raise FeabError(f"adapter={folder}: no adapter_model.safetensors there")
        return folder

    def identity(self, template: str | None) -> dict[str, Any]:
        """Those that change answers and were given, files by a digest of what they hold; `template` is its text."""
        folder = self.adapter_folder
        matters = {
            "max_new_tokens": self.max_new_tokens,
            "min_pixels": self.min_pixels,
            "max_pixels": self.max_pixels,
            "adapter": None if folder is None else folder_digest(folder),
            "chat_template": None if template is None else hashlib.sha256(template.encode()).hexdigest()[:16],
        }
        return {key: value for key, value in matters.items() if value is not None}
