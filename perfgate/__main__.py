"""Run perfgate: ``python -m perfgate`` and the ``perfgate`` command."""

from perfgate.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
