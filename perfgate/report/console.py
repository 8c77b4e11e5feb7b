"""Rich's console as all tables of ours use it: into a string, and with nothing read as markup."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console_of"]


def console_of(width: int, *, color: bool) -> "Console":
    """Return a console that writes into a string, whatever the environment says of terminals."""
    from rich.console import Console

    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
