"""The C library's own allocator, in a process that is told what a counting one is told."""

import json
import os
import platform
import subprocess
import sys
from typing import Any, cast

import pytest

from perfgate.measure.instruments import counting_environ

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only the GNU C library says where its top lies"
)

PRELUDE = """
import ctypes, json
from perfgate.measure.agent.heap import Heap

library = ctypes.CDLL(None)
malloc, free = library.malloc, library.free
malloc.argtypes, malloc.restype = (ctypes.c_size_t,), ctypes.c_void_p
free.argtypes, free.restype = (ctypes.c_void_p,), None

def make_holes(size):
    blocks = [malloc(size) for _ in range(200)]
    for block in blocks[::2]:
        free(block)
    return blocks[::2], blocks[1::2]

def take(size, times=20):
    return [malloc(size) for _ in range(times)]
"""


def _ran(script: str, **environ: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script],
        env={**counting_environ(os.environ), **environ},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return cast("dict[str, Any]", json.loads(done.stdout))


HOLES = """
holes, _ = make_holes(SIZE)

def from_holes(size, times):
    return [any(hole <= one < hole + SIZE for hole in holes) for one in take(size, times)]

heap = Heap()
before = from_holes(SIZE, 1)
can_be_filled = heap.fill()
while_taken = from_holes(SIZE, 20)
heap.release()
after = from_holes(1_040, 50)
print(json.dumps({
    "before": before, "can be filled": can_be_filled, "while taken": while_taken, "after": after
}))
"""


@pytest.mark.parametrize("size_bytes", [1_100, 1_500, 3_000, 70_000, 1_500_000])
def test_no_block_comes_from_a_hole_until_they_are_given_back(size_bytes: int) -> None:
    found = _ran(HOLES.replace("SIZE", str(size_bytes)))
    assert found["before"] == [True]
    assert found["can be filled"]
    assert not any(found["while taken"])
    assert any(found["after"])


def test_holes_that_come_up_later_are_taken_too() -> None:
    found = _ran(
        """
heap = Heap()
heap.settle()
holes, _ = make_holes(5_000)
heap.fill()
print(json.dumps({"from holes": [one in holes for one in take(5_000)]}))
"""
    )
    assert not any(found["from holes"])


def test_small_blocks_of_every_size_lie_ready() -> None:
    found = _ran(
        """
heap = Heap()
heap.settle()
top = malloc(2_000_000)
free(top)
sizes = [24, 200, 520, 1_032]
print(json.dumps({"from the top": [one >= top for size in sizes for one in take(size, 10)]}))
"""
    )
    assert not any(found["from the top"])


def test_filling_twice_takes_no_more_memory() -> None:
    found = _ran(
        """
make_holes(3_000)
heap = Heap()
heap.settle()
tops = []
for _ in range(3):
    heap.fill()
    heap.release()
    tops.append(malloc(2_000_000))
    free(tops[-1])
print(json.dumps({"tops": tops}))
"""
    )
    assert len(set(found["tops"])) == 1


def test_many_holes_take_no_more_than_a_moment_each() -> None:
    """Quadratic work would take minutes; this ends in the minute that `_ran` gives it."""
    found = _ran(
        """
blocks = [malloc(1_200) for _ in range(200_000)]
for block in blocks[::2]:
    free(block)
print(json.dumps({"can be filled": Heap().fill()}))
"""
    )
    assert found["can be filled"]


def test_a_heap_whose_blocks_are_mapped_one_by_one_is_left_alone() -> None:
    found = _ran(
        'print(json.dumps({"can be filled": Heap().fill()}))',
        GLIBC_TUNABLES="glibc.malloc.mmap_threshold=4096",
    )
    assert not found["can be filled"]
