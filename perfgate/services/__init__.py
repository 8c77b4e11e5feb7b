"""Reference clients of rate-limited APIs, for suites to exercise; the gate never imports them.

They need the extra ``services``. Nothing is imported here: take the service from its own module.
"""
