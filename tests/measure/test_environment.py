import platform
import sys
from pathlib import Path

import psutil
import pytest

from perfgate import __version__
from perfgate.measure.environment import cpu_model, describe_environment

CPU_INFO = Path("/proc/cpuinfo")


def test_an_environment_names_this_interpreter() -> None:
    environment = describe_environment("5.3.1")
    assert environment.implementation == sys.implementation.name
    assert environment.python == ".".join(map(str, sys.version_info[:3]))
    assert platform.python_build()[0] in environment.python_build


def test_an_environment_names_what_measured() -> None:
    environment = describe_environment("5.3.1")
    assert (environment.perfgate, environment.pytest_benchmark) == (__version__, "5.3.1")


def test_an_environment_names_this_machine() -> None:
    environment = describe_environment("")
    assert environment.machine == platform.machine()
    assert environment.cpu_count == psutil.cpu_count()
    assert environment.kernel == platform.release()


def test_the_key_is_coarse() -> None:
    major, minor, *_ = sys.version_info
    expected = f"{platform.system()}-{platform.machine()}-{sys.implementation.name}-{major}.{minor}"
    assert describe_environment("").key == expected.lower()


def test_the_same_machine_has_the_same_hardware() -> None:
    model = cpu_model()
    assert describe_environment("").is_same_hardware(model) == bool(model)


@pytest.mark.skipif(not CPU_INFO.exists(), reason="the kernel describes no CPU")
def test_the_model_stands_in_the_description_of_the_cpu() -> None:
    assert cpu_model() in " ".join(CPU_INFO.read_text().split())
