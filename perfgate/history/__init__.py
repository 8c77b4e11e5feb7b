"""The past: runs that were recorded, approvals, and what changed when; pure but for ``cache``."""
