"""What runs inside a measured process: standard library and pytest only.

A reference tree may bring another perfgate (perfgate gates itself) and its environment may hold
none, so this package is never imported as ``perfgate``: `start.py` loads it under a name of its
own, and its modules find each other relatively.
"""
