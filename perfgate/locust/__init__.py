"""What runs inside Locust; nothing else of perfgate imports it, for Locust changes the process."""

from perfgate.locust.open_user import OpenUser

__all__ = ["OpenUser"]
