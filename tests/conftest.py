"""What holds for all tests, wherever they are started."""

import signal

from hypothesis import settings

# The machines are shared, and a law holds at any speed.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

# A shell starts what runs in the background with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
