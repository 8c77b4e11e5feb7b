"""A GitHub on this machine, held to GitHub's own description of its API.

``description.json`` and ``payloads/`` are cut out of ``@octokit/openapi`` and
``@octokit/webhooks-examples``, both under the MIT licence in ``LICENSE-octokit.txt``.
"""
