"""The suites that are measured, and the functions in them that are made slower."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["SUBJECTS", "Subject", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A function to slow down, and a benchmark in which it counts."""

    file: str
    function: str
    """Name, or Class.name."""
    benchmark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A project with a pytest-benchmark suite."""

    url: str
    commit: str
    package: str
    """Folder of the code, where unrelated edits go."""
    files: tuple[str, ...]
    targets: tuple[Target, ...]
    """Slowed at the same time, since none counts in another's benchmark."""
    environ: Mapping[str, str] = field(default_factory=dict)


def _target(file: str, function: str, benchmark: str) -> Target:
    return Target(file=file, function=function, benchmark=benchmark)


_URL: Final = "tests/test_url_benchmarks.py"

SUBJECTS: Final[Mapping[str, Subject]] = {
    "yarl": Subject(
        url="https://github.com/aio-libs/yarl",
        commit="7009e844cec7959e73741102ceadff49ed914291",
        package="yarl",
        files=(_URL, "tests/test_quoting_benchmarks.py"),
        targets=(
            _target("yarl/_url.py", "URL.build", f"{_URL}::test_url_build_with_host_and_port"),
            _target("yarl/_url.py", "URL.with_query", f"{_URL}::test_with_query_mapping"),
            _target("yarl/_url.py", "URL.update_query", f"{_URL}::test_update_query_mapping"),
            _target("yarl/_url.py", "URL._make_child", f"{_URL}::test_url_joinpath"),
            _target("yarl/_url.py", "URL.with_host", f"{_URL}::test_url_with_host"),
            _target("yarl/_url.py", "URL.human_repr", f"{_URL}::test_human_repr"),
        ),
        environ={"YARL_NO_EXTENSIONS": "1"},
    ),
    "cattrs": Subject(
        url="https://github.com/python-attrs/cattrs",
        commit="82b02c07ca535a1ba656b935767d819eac9d383b",
        package="src/cattrs",
        files=("bench",),
        targets=(
            _target(
                "src/cattrs/converters.py",
                "BaseConverter.structure_attrs_fromdict",
                "bench/test_attrs_primitives.py::test_structure_attrs_primitives"
                "[UnstructureStrategy.AS_DICT-BaseConverter]",
            ),
            _target(
                "src/cattrs/converters.py",
                "BaseConverter._unstructure_mapping",
                "bench/test_attrs_collections.py::test_unstructure_attrs_mappings"
                "[UnstructureStrategy.AS_TUPLE-BaseConverter]",
            ),
            _target(
                "src/cattrs/converters.py",
                "BaseConverter._unstructure_seq",
                "bench/test_attrs_collections.py::test_unstructure_attrs_lists"
                "[UnstructureStrategy.AS_TUPLE-BaseConverter]",
            ),
        ),
    ),
    "pluggy": Subject(
        url="https://github.com/pytest-dev/pluggy",
        commit="e382e72789f8d791991c489d4322aa04e660b952",
        package="src/pluggy",
        files=("testing/benchmark.py",),
        targets=(
            _target(
                "src/pluggy/_callers.py",
                "_multicall",
                "testing/benchmark.py::test_call_hook[20-20-0]",
            ),
            _target(
                "src/pluggy/_hooks.py",
                "varnames",
                "testing/benchmark.py::test_varnames[bound_method]",
            ),
        ),
    ),
    "perfgate": Subject(
        url="",
        commit="",
        package="perfgate",
        files=("benchmarks/test_perfgate.py",),
        targets=(
            _target(
                "perfgate/stats/paired.py",
                "sign_flip_p",
                "benchmarks/test_perfgate.py::test_sign_flips",
            ),
        ),
    ),
}
