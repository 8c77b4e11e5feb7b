"""A clock whose time passes only when somebody sleeps."""

from perfgate.testing.virtual_clock import VirtualClock as FakeClock

__all__ = ["FakeClock"]
