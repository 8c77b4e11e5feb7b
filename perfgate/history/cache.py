"""What was read from git, by the id of the blob or commit that it was read from.

What such an id stands for never changes, and neither does what was read from it: so the cache
needs no dates, and may be deleted at any time.
"""

import contextlib
import hashlib
import secrets
from pathlib import Path
from typing import Final, TypeVar

import msgspec

__all__ = ["Cache"]

_LAYOUT: Final = "1"
"""Part of the name of what is cached: another layout never meets this one."""

_Value = TypeVar("_Value", bound=msgspec.Struct)


class Cache:
    """Values by kind and id, in a folder; None: keep nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, kind: type[_Value], name: str) -> _Value | None:
        """Return what is known already; a damaged entry is not."""
        if self._folder is None:
            return None
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            data = self._path(self._folder, kind, name).read_bytes()
            return msgspec.msgpack.decode(data, type=kind)
        return None

    def keep(self, name: str, value: msgspec.Struct) -> None:
        """Remember; a full or read-only disk only costs the time of the next reading."""
        if self._folder is None:
            return
        path = self._path(self._folder, type(value), name)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_bytes(msgspec.msgpack.encode(value))
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path, kind: type[msgspec.Struct], name: str) -> Path:
        key = hashlib.sha256(f"{_LAYOUT} {kind.__name__} {name}".encode()).hexdigest()
        return folder / "history" / key[:2] / key[2:40]
