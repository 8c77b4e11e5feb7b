"""A store that forgets its oldest objects: an upstream under load must not grow for ever."""

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["BoundedStore"]

_T = TypeVar("_T")


class BoundedStore(OrderedDict[str, _T], Generic[_T]):
    """A dictionary of at most ``size`` objects, in the order in which they were first stored."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __setitem__(self, key: str, value: _T) -> None:
        """Store an object; forget the oldest one if there are too many."""
        super().__setitem__(key, value)
        if len(self) > self._size:
            self.popitem(last=False)
