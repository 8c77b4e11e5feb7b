"""A GitHub on this machine, held to GitHub's own description of its API."""
