"""Files that are written where the user asked for them: whole, or not at all."""

import contextlib
import os
import shutil
from pathlib import Path

from perfgate.errors import UsageError

__all__ = ["write_file"]


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that it appears at once, with the mode that it had; make folders.

    Raises:
        UsageError: it cannot be written.
    """
    path = Path(os.path.realpath(path))  # a link stays one
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.exists() and not path.is_file():  # a device, a pipe: nothing to replace
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        if path.exists():
            shutil.copymode(path, draft)
        draft.replace(path)
    except (FileExistsError, NotADirectoryError) as error:  # on the way to it
        raise UsageError(f"{path}: cannot be written: {path.parent} is not a folder") from error
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
