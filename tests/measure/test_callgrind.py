"""Reading callgrind's own files."""

from pathlib import Path

from perfgate.measure.callgrind import NativeFunction, read_callgrind

DUMP = """\
# callgrind format
version: 1
creator: callgrind-3.19.0
positions: line
events: Ir
summary: 190

ob=(1) /lib/libpython3.so
fl=(1) Objects/longobject.c
fn=(1) PyLong_FromLong
10 40
+3 20
fi=(2) Include/object.h
4 5
fe=(1)
cfn=(2) malloc
cob=(2) /lib/libc.so
calls=3 50
12 100

fn=(3) _PyEval_EvalFrameDefault'2
7 11
fl=(3) ???
fn=(2)
ob=(2)
* 14

totals: 190
"""


def _read(tmp_path: Path, text: str) -> dict[str, NativeFunction]:
    file = tmp_path / "callgrind.out"
    file.write_text(text)
    return {one.name: one for one in read_callgrind(file)}


def test_a_function_has_its_own_instructions_and_not_those_of_what_it_calls(tmp_path: Path) -> None:
    functions = _read(tmp_path, DUMP)
    assert {name: one.instructions for name, one in functions.items()} == {
        "PyLong_FromLong": 65,
        "_PyEval_EvalFrameDefault": 11,
        "malloc": 14,
    }


def test_a_name_that_was_given_once_stands_for_its_number_from_then_on(tmp_path: Path) -> None:
    malloc = _read(tmp_path, DUMP)["malloc"]
    assert (malloc.file, malloc.library) == ("", "/lib/libc.so")


def test_an_empty_dump_has_no_functions(tmp_path: Path) -> None:
    assert _read(tmp_path, "version: 1\nevents: Ir\nsummary: 0\n") == {}
