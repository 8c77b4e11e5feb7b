"""Talking to GitHub: what an Actions job shows, and the comment on a pull request."""
