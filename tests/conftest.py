"""What every test shares: property tests without deadlines, because CI machines are slow now and then."""

import shutil
import signal
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("feab", deadline=None)
settings.load_profile("feab")

# A shell starts its background jobs with Ctrl-C ignored, and the programs our tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ray_home():
    """Where the Ray of these tests has its files; a short path, since sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="feab-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # Ray may write its last words


@pytest.fixture(scope="session")
def ray(ray_home):
    """A Ray for all tests of a session, which replicas use as they would one that the user's own program started."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    from feab.models.wrappers.replicas_ray import find_cluster

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FEAB_CACHE", str(ray_home))
        cluster = find_cluster(None, cpus=8)
    yield cluster.ray
    cluster.leave()


@pytest.fixture(scope="module")
def browser():
    """A chromium for tests of pages. One a module: while it is open, nothing else can run an event loop here."""
    reason = "playwright is not installed (the dev extra has it)"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no chromium is installed (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()
