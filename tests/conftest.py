"""Property tests without a deadline: the machines are shared, and a law holds at any speed."""

from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
