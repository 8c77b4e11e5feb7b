"""Chance that falls the same way each time, where the same work is to be counted.

Data drawn anew in each process takes another number of instructions, which nobody could tell from a
change. What the operating system draws cannot be held.
"""

import random
import sys

__all__ = ["seed_random"]


def seed_random(seed: int) -> None:
    """Set the shared generators of the standard library, and of NumPy where it is loaded."""
    random.seed(seed)
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(seed)
