"""What exporters need beyond perfgate itself, asked for when one is used."""

import contextlib
from collections.abc import Iterator

from perfgate.errors import UsageError

__all__ = ["needing"]


@contextlib.contextmanager
def needing(extra: str, *packages: str) -> Iterator[None]:
    """Say what to install where an import fails for want of it; any other failure is a bug.

    Raises:
        UsageError: one of the packages, or a part of it, is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = f"{error.name}."
        if not any(
            f"{package}.".startswith(missing) or missing.startswith(f"{package}.")
            for package in packages
        ):
            raise
        name = packages[0].replace(".", "-")
        raise UsageError(f"this needs {name}: pip install 'perfgate[{extra}]'") from None
