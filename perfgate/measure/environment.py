"""Where a measurement takes place: what of it a reader of the numbers needs to know."""

import contextlib
import os
import platform
import sys
from pathlib import Path
from typing import Final

import psutil

from perfgate import __version__
from perfgate.model import Environment

__all__ = ["cpu_model", "describe_environment"]

_CPU_INFO: Final = Path("/proc/cpuinfo")
_GOVERNOR: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def describe_environment(pytest_benchmark: str) -> Environment:
    """Describe this machine and interpreter; what cannot be read stays unknown."""
    return Environment(
        system=platform.system().lower(),
        machine=platform.machine(),
        implementation=sys.implementation.name,
        python=platform.python_version(),
        python_build=" ".join((*platform.python_build(), platform.python_compiler())),
        cpu_model=cpu_model(),
        cpu_count=psutil.cpu_count(),
        kernel=platform.release(),
        governor=_read(_GOVERNOR),
        load_1min=_load_1min(),
        perfgate=__version__,
        pytest_benchmark=pytest_benchmark,
    )


def cpu_model() -> str:
    """Return the CPU's model name; empty where the platform does not tell."""
    for line in _read(_CPU_INFO).splitlines():
        field, _, value = line.partition(":")
        if field.strip() in {"model name", "Model"}:
            return " ".join(value.split())
    if platform.system() == "Linux":  # platform.processor() repeats the architecture there
        return ""
    return platform.processor()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _load_1min() -> float | None:
    with contextlib.suppress(OSError, AttributeError):
        return os.getloadavg()[0]
    return None
