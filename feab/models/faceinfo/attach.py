"""Puts the module into a model of transformers, so that its layers read the tokens in training, forward and generate.

What is needed of the model is a decoder with a list of layers (`get_decoder().layers`), as all vision language models
of the kind of LLaVA have. `forward` takes two inputs more, `face_rows` and `face_question`; without them the model is
what it was. Tokens are made when a prompt is read, and kept for the tokens that are generated after it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.models.faceinfo.config import FaceInfo, read_config
from feab.models.faceinfo.networks import open_network
from feab.models.faceinfo.priors import QUESTION, ROWS, Faces

NAME = "face_info"
"""The module's name in the model, and so the beginning of its weights' names in an adapter."""

_FACES = "feab_faces"
_MOST_LAYERS = 1000


def attach(model: Any, info: FaceInfo, faces: Faces, *, seed: int = 0) -> None:
    """Give a model the module, with new weights, and what it sees faces with. The model answers as before.

    Raises:
        FeabError: when the model has no decoder with layers, or has the module already.
    """
    import torch

    from feab.models.faceinfo.miner import FaceInfoModule

    if hasattr(model, NAME):
        raise FeabError("this model has a face module already; attach one to its base")
    layers = _layers(model)
    reading = reading_layers(len(layers), info.every)
    hidden = model.get_input_embeddings().weight.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = FaceInfoModule(info, faces.layout, hidden=hidden, reads=len(reading))
    device = next(layers[0].parameters()).device
    model.add_module(NAME, module.to(device).train(model.training))
    setattr(model, _FACES, faces)
    state = _State(model)
    for number, layer in enumerate(reading):
        layers[layer].register_forward_pre_hook(functools.partial(state.read, number), with_kwargs=True)
    _widen(model, state)


def attach_saved(model: Any, folder: Path, weights: str | None) -> bool:
    """Attach the module that an adapter's folder speaks of, its weights still to be loaded; False where there is none.

    Args:
        model: the base.
        folder: of the adapter.
        weights: the file of the face network, where its weights are the user's own.

    Raises:
        FeabError: for a broken configuration, or when the face network is not here or is another.
    """
    config = read_config(folder)
    if config is None:
        if weights is not None:
            raise FeabError(f"face_weights: the adapter {folder} has no face module")
        return False
    info = config.info.model_copy(update={"weights": weights if config.info.weights is not None else None})
    network = open_network(info)
    if network.digest != config.network_digest:
        raise FeabError(
            f"adapter={folder}: it was trained with other weights of {info.network} "
            f"(sha256 {config.network_digest[:12]}…, here {network.digest[:12]}…)"
        )
    attach(model, info, Faces(network, info))
    return True


def faces_of(model: Any) -> Faces | None:
    """What a model sees faces with; None where it has no face module."""
    found = getattr(model, _FACES, None)
    return found if isinstance(found, Faces) else None


def reading_layers(layers: int, every: int) -> list[int]:
    """Which of a decoder's layers read the tokens: every so many-th counted from the last one, in their order."""
    return sorted(range(layers - 1, -1, -every))


class _State:
    """The tokens of the conversations that go through the model now."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._held: tuple[Any, Any] | None = None

    @property
    def _module(self) -> Any:
        return getattr(self._model, NAME)  # looked up each time: PEFT puts a copy that learns in its place

    def begin(self, cached: int, rows: Any, question: Any) -> None:
        """Before a pass: make the tokens of new prompts, keep those of prompts that are gone on with."""
        import torch

        if cached:
            return
        self._held = None
        if rows is None:
            return
        words = question[:, 0]
        known = words >= 0
        with torch.no_grad():
            said = self._model.get_input_embeddings()(words.clamp(min=0)).float() * known[..., None]
        self._held = self._module.clues(rows, said, known)

    def take(self, backbone: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        """Before what lies under the head, where that was called by itself."""
        if ROWS not in given:
            return None
        self.begin(_cached(given), given.pop(ROWS), given.pop(QUESTION))
        return args, given

    def read(self, number: int, layer: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        """Before a layer: add what it reads in the tokens to its input."""
        if self._held is None:
            return None
        hidden = args[0] if args else given["hidden_states"]
        tokens, there = self._held
        if len(hidden) != len(there):  # a prompt's cache was repeated for several endings of it
            times = len(hidden) // len(there)
            tokens, there = tokens.repeat_interleave(times, 0), there.repeat_interleave(times, 0)
        hidden = hidden + self._module.added(hidden, tokens.to(hidden.device), there.to(hidden.device), number)
        return ((hidden, *args[1:]), given) if args else (args, {**given, "hidden_states": hidden})


def _widen(model: Any, state: _State) -> None:
    """Let the model's `forward` take the two inputs, in its signature, too: `generate` goes by that.

    The class is what is changed, for this one model: TRL asks the class for the signature. TRL also passes `forward` by
    and calls what lies under the head, with all inputs; so they are taken out there as well.
    """
    base = type(model)
    forward = _wider(base.forward, state)
    model.__class__ = type(base.__name__, (base,), {"forward": forward, "__module__": base.__module__})
    if "forward" in vars(model):  # accelerate's hooks, where the layers lie on several devices
        model.forward = _wider(model.forward, state)
    if model.base_model is not model:
        model.base_model.register_forward_pre_hook(state.take, with_kwargs=True)


def _wider(plain: Any, state: _State) -> Any:
    said = inspect.signature(plain)
    new = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in (ROWS, QUESTION)]
    rest = [one for one in said.parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
    named = [one for one in said.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]

    @functools.wraps(plain)
    def forward(*args: Any, **given: Any) -> Any:
        state.begin(_cached(given), given.pop(ROWS, None), given.pop(QUESTION, None))
        return plain(*args, **given)

    forward.__signature__ = said.replace(parameters=[*named, *new, *rest])  # type: ignore[attr-defined]
    return forward


def _cached(given: Mapping[str, Any]) -> int:
    """How many tokens went through the model before these."""
    cache = given.get("past_key_values")
    return 0 if cache is None else int(cache.get_seq_length())


def _layers(model: Any) -> Any:
    import torch

    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    found = getattr(decoder, "layers", None)
    if not isinstance(found, torch.nn.ModuleList) or model.config.is_encoder_decoder or len(found) > _MOST_LAYERS:
        raise FeabError(f"face_info: {type(model).__name__} has no decoder with a list of layers to read it")
    return found
