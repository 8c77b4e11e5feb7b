"""What counts instructions: valgrind's callgrind, or the processor's own counter."""

import errno
import os
import platform
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from perfgate.measure.agent.processor import ProcessorCounter
from perfgate.measure.worker import WorkerSettings

__all__ = [
    "Callgrind",
    "Instrument",
    "Processor",
    "counting_environ",
    "find_valgrind",
    "why_no_callgrind",
    "why_no_processor_counter",
]

_PLAIN_CPU: Final = (
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-BMI1,-BMI2,-LZCNT,-MOVBE,-POPCNT,"
    "-ERMS,-FSRM,-RTM,-SSE4_2,-SSE4_1,-SSSE3,-AVX_Fast_Unaligned_Load,-Fast_Unaligned_Copy,"
    "-Prefer_No_VZEROUPPER"
    ":glibc.cpu.x86_non_temporal_threshold=0xc0000:glibc.cpu.x86_rep_movsb_threshold=0x40000"
    ":glibc.cpu.x86_rep_stosb_threshold=0x40000"
)
"""The C library then copies and compares in the same way whatever the CPU can do."""
_PLAIN_MALLOC: Final = (
    "glibc.malloc.tcache_count=65535:glibc.malloc.mmap_threshold=0x400000"
    ":glibc.malloc.trim_threshold=0x10000000000:glibc.malloc.top_pad=0x1000000"
)
"""What is given back is taken again at the same price, wherever it lies, and the sizes from which
memory comes from the system and goes back to it are fixed (see agent/heap.py). CPython's own
allocator (obmalloc.c) hands out small objects from pools, and a call that fills a pool and reopens
it at every turn pays for that: whether it does depends on all that came before, down to the length
of the path of the checkout. The same code was 1.3 % apart between two folders, in every seed."""
_INSTALL: Final = (
    "install it with the system's package manager (apt-get install valgrind, dnf install valgrind, "
    "apk add valgrind)"
)
_PARANOID: Final = Path("/proc/sys/kernel/perf_event_paranoid")


@dataclass(frozen=True, slots=True)
class Callgrind:
    """Emulates the process; counts the same on every CPU."""

    valgrind: Path

    @property
    def build(self) -> str:
        """What a count depends on beside the code."""
        return f"{_build_of_here()} settled malloc"

    def command(self, output: Path, *options: str) -> tuple[str, ...]:
        """Return the command that runs another one, looking away until it is asked."""
        return (
            str(self.valgrind),
            "--tool=callgrind",
            "--quiet",
            "--vgdb=no",
            "--instr-atstart=no",
            f"--callgrind-out-file={output}",
            *options,
        )

    def attached(self, settings: WorkerSettings, output: Path) -> WorkerSettings:
        """Return the settings of a process that is counted.

        ``output`` is a file in a folder of its own, for what the instrument writes meanwhile.
        """
        launcher = self.command(output, "--dump-line=no")
        environ = counting_environ(settings.environ)
        return replace(settings, launcher=launcher, callgrind_output=output, environ=environ)

    def lost(self, problem: str) -> str:
        """Say where a process was lost."""
        return f"under valgrind {problem}"


@dataclass(frozen=True, slots=True)
class Processor:
    """Counts what this CPU retires, at its own speed; few machines let a process ask for it."""

    @property
    def build(self) -> str:
        """What a count depends on beside the code; kinds of CPU differ a little."""
        return f"{_build_of_here()} settled malloc, {platform.machine()} counter"

    def attached(self, settings: WorkerSettings, output: Path) -> WorkerSettings:
        """Return the settings of a process that is counted; nothing is written."""
        del output
        environ = counting_environ(settings.environ)
        return replace(settings, counts_on_processor=True, environ=environ)

    def lost(self, problem: str) -> str:
        """Say where a process was lost."""
        return problem


Instrument = Callgrind | Processor


def find_valgrind(environ: Mapping[str, str]) -> Path | None:
    """Return the valgrind that is on the PATH; None where there is none."""
    found = shutil.which("valgrind", path=environ.get("PATH"))
    return Path(found) if found else None


def why_no_callgrind(environ: Mapping[str, str]) -> str:
    """Say why callgrind cannot count here, and what to do; empty where it can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        here = f"{platform.system()} on {platform.machine()}"
        return f"valgrind counts instructions on Linux on x86_64 only, and this is {here}"
    if find_valgrind(environ) is None:
        return f"instructions are counted under valgrind, which is not here: {_INSTALL}"
    return ""


def why_no_processor_counter() -> str:
    """Say why the processor cannot count here, and what to do; empty where it can."""
    try:
        ProcessorCounter().close()
    except OSError as error:
        return f"the processor's counter of instructions is not to be had here: {_reason(error)}"
    return ""


def _reason(error: OSError) -> str:
    if error.errno in {errno.EACCES, errno.EPERM}:
        level = _PARANOID.read_text(encoding="ascii").strip() if _PARANOID.exists() else "unknown"
        return (
            f"the kernel does not allow it (kernel.perf_event_paranoid is {level}, 2 would do; a "
            "container may need --security-opt seccomp=unconfined or --cap-add PERFMON)"
        )
    if error.errno in {errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP, errno.ENXIO}:
        return 'this machine has none, as most virtual ones: counters = "callgrind" needs none'
    return error.strerror or str(error)


def counting_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which counts do not depend on the CPU or on where objects lie.

    What the user's own says of the CPU and of ``malloc`` gives way: committed counts hold whatever
    the shell exports.
    """
    own = environ.get("GLIBC_TUNABLES", "").split(":")
    kept = [one for one in own if one and not one.startswith(("glibc.cpu.", "glibc.malloc."))]
    tunables = ":".join((*kept, _PLAIN_CPU, _PLAIN_MALLOC))
    is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    # A free-threaded build has an allocator of its own, and refuses to start with another.
    malloc = {} if is_free_threaded else {"PYTHONMALLOC": "malloc"}
    return {**environ, "GLIBC_TUNABLES": tunables, **malloc}


def _build_of_here() -> str:
    """Name the exact version and build of the interpreter, and the C library."""
    libc = ""
    if hasattr(os, "confstr") and "CS_GNU_LIBC_VERSION" in os.confstr_names:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    python = (platform.python_version(), *platform.python_build(), platform.python_compiler())
    return " ".join(" ".join(part.split()) for part in (*python, libc) if part)
