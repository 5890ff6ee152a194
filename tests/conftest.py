"""What every test shares: property tests without deadlines, because CI machines are slow now and then."""

import signal

from hypothesis import settings

settings.register_profile("feab", deadline=None)
settings.load_profile("feab")

# A shell starts its background jobs with Ctrl-C ignored, and the programs our tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
