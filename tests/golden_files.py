"""Whole outputs compared with files under tests/golden."""

from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, got: str) -> None:
    """Compare with the golden file; a mismatch writes what was got beside it."""
    golden = GOLDEN / name
    expected = golden.read_text(encoding="utf-8") if golden.exists() else ""
    beside = golden.with_name(f"{name}.got")
    if got == expected:
        beside.unlink(missing_ok=True)
        return
    beside.write_text(got, encoding="utf-8")
    raise AssertionError(f"{golden} differs; see {beside.name} beside it")
