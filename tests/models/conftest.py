from __future__ import annotations

import pytest
from tiny_vlm import ask, build_idefics3


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folder of a random-weight Idefics3 with a processor of its own."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield build_idefics3(tmp_path_factory.mktemp("tiny"))
    torch.set_num_threads(threads)


@pytest.fixture
def question():
    return ask(0, data=b"")
