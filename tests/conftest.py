"""What every test shares: property tests without deadlines, because CI machines are slow now and then."""

from hypothesis import settings

settings.register_profile("feab", deadline=None)
settings.load_profile("feab")
