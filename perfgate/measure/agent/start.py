"""Start the agent: the script that the parent runs with the interpreter to be measured."""

import importlib.util
import pathlib
import sys

_ALIAS = "_perfgate_agent"


def main() -> int:
    """Load the package beside this file under its alias and run a session."""
    here = pathlib.Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        _ALIAS, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {here}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_ALIAS] = package
    spec.loader.exec_module(package)
    session = importlib.import_module(f"{_ALIAS}.session")
    status: int = session.run()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
