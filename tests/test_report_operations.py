import pytest

from perfgate.monitor import PerformanceReport
from perfgate.report.operations import operations_markdown, operations_text
from tests.golden_files import assert_golden
from tests.markdown_page import page
from tests.monitor.scene import Scene


def _report(service: str, operation: str, error: str) -> PerformanceReport:
    service = service.replace(":", "")
    target = f"{service}:{operation}"
    scene = Scene(thresholds={target: ["p95 < 100ms", "max < 2s", "error_rate < 1%"]})
    for number in range(2000):
        scene.now_s += 0.1
        is_failing = 600 <= number < 900 and number % 10 == 0
        scene.monitor.record_operation(
            service,
            operation,
            20.0 + number % 50 + (500 if 1000 <= number < 1300 else 0),
            success=not is_failing,
            error_type=error if is_failing else "",
        )
    scene.monitor.record_operation(service, operation, 2500.0, trace_id=f"{error}-1")
    scene.monitor.record_operation(service, operation, float("nan"))
    return scene.monitor.generate_performance_report()


def test_a_report_in_markdown_and_as_text() -> None:
    report = _report("stripe", "create_customer", "TimeoutError")
    assert_golden("operations.md", operations_markdown(report))
    assert_golden("operations.txt", operations_text(report))


def test_an_idle_monitor_has_no_table() -> None:
    report = Scene().monitor.generate_performance_report()
    until = "until 2026-03-01 12:00:00 UTC: no alert fires"
    assert operations_text(report) == f"0 operations in 0.0 s {until}\n"
    assert operations_markdown(report) == f"### 0 operations in 0.0 s {until}\n"


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "`x`",
        "<img src=x onerror=1>",
        "[a](http://b.example) @someone #1",
        "line\nbreak\r\n# heading",
        "\u202eright to left \u05d0",
        "\x1b[31mred",
        "*" * 50 + "x" * 400,
    ],
)
def test_names_from_outside_are_nothing_but_code(text: str) -> None:
    markdown = operations_markdown(_report(text, text, text))
    plain = operations_markdown(_report("a", "b", "c"))
    assert page(markdown).parts == page(plain).parts
    lines = operations_text(_report(text, text, text)).splitlines()
    assert len(lines) == len(operations_text(_report("a", "b", "c")).splitlines())
    assert all(line.isprintable() for line in lines)
