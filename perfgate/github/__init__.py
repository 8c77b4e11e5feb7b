"""Talking to GitHub: what an Actions job shows."""
