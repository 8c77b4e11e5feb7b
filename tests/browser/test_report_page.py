"""What people do with a report's page, in a real browser."""

from collections.abc import Callable

import pytest

from perfgate.report.page import render_html
from tests import report_cases
from tests.browser.watched import Watched
from tests.paired_report import paired_report

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]
NAMES = [f"benchmarks/test_shop.py::test_order[{number}]" for number in range(30)]
STRIPE = "benchmarks/test_stripe.py::"


@pytest.fixture(scope="module")
def paired() -> bytes:
    return render_html(paired_report(NAMES))


@pytest.fixture(scope="module")
def mixture() -> bytes:
    return render_html(report_cases.mixture())


# --- sorting and filtering ----------------------------------------------------------------------


def test_the_worst_stand_first(opened: Open, mixture: bytes) -> None:
    verdicts = opened(mixture).verdicts()
    assert verdicts[:4] == ["regressed", "regressed", "regressed", "over limit"]
    assert verdicts[-1] == "passed"


def test_names_sort_with_their_numbers_as_numbers(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.heading("Benchmark").click()
    assert shown.names() == NAMES
    shown.heading("Benchmark").click()
    assert shown.names() == NAMES[::-1]


def test_the_largest_change_comes_first_and_what_has_none_last(
    opened: Open, mixture: bytes
) -> None:
    shown = opened(mixture)
    shown.heading("Change").click()
    assert shown.names()[0] == f"{STRIPE}test_retry"
    assert set(shown.verdicts()[-3:]) == {"failed", "missing", "new"}
    shown.heading("Change").click()
    assert shown.names()[0] == f"{STRIPE}test_balance"
    assert set(shown.verdicts()[-3:]) == {"failed", "missing", "new"}


def test_times_sort_by_length_and_not_by_their_digits(opened: Open, mixture: bytes) -> None:
    shown = opened(mixture)
    shown.heading("Before → after").click()
    assert shown.names()[:2] == [f"{STRIPE}test_upload", f"{STRIPE}test_retry"]  # 3.90 ms, 27.7 µs


def test_the_heading_that_sorts_says_so(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.heading("Change").click()
    sorted_by = shown.page.locator("th[aria-sort]")
    assert sorted_by.count() == 1
    assert sorted_by.get_attribute("aria-sort") == "descending"
    assert sorted_by.inner_text().startswith("Change")


def test_words_of_a_name_filter_in_any_order(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.page.get_by_label("Name contains").fill("[12] SHOP")
    assert shown.names() == [NAMES[12]]
    assert shown.page.locator("#shown").inner_text() == "1 of 30 are shown."


def test_verdicts_filter_one_by_one_and_together(opened: Open, mixture: bytes) -> None:
    shown = opened(mixture)
    shown.page.get_by_role("button", name="3 regressed").click()
    assert set(shown.verdicts()) == {"regressed"}
    shown.page.get_by_role("button", name="1 drifted").click()
    assert set(shown.verdicts()) == {"regressed", "drifted"}


def test_suites_filter(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.page.get_by_label("Suite").select_option("suite 1")
    assert sorted(shown.names()) == sorted(NAMES[1::3])


def test_a_filter_that_leaves_nothing_offers_the_way_back(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.page.get_by_label("Name contains").fill("no such name")
    assert shown.rows.count() == 0
    shown.page.get_by_role("button", name="Show all").click()
    assert shown.rows.count() == len(NAMES)


# --- one benchmark ------------------------------------------------------------------------------


def test_an_opened_row_shows_charts_with_names_and_numbers(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.links.first.click()
    assert shown.details.get_by_role("img").count() == 2
    assert shown.details.get_by_role("img", name="Paired estimates").is_visible()
    assert shown.details.get_by_role("img", name="Times of the rounds").is_visible()
    assert shown.details.locator("circle.hollow, circle.solid, .beyond").count() == 40
    assert shown.details.locator(".lane:not(.reference) .median").count() == 20


def test_the_numbers_of_a_chart_are_a_table_too(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.links.first.click()
    shown.details.locator("summary").first.click()
    heads = shown.details.locator("table").first.locator("thead th").all_inner_texts()
    assert heads == ["Against", "Estimate", "Interval", "Exploring pairs", "Confirming pairs"]
    assert shown.details.locator("table").first.locator("tbody tr").count() == 2


def test_the_advised_command_can_be_copied(opened: Open, paired: bytes) -> None:
    shown = opened(paired, permissions=["clipboard-read", "clipboard-write"])
    shown.links.first.click()
    shown.page.get_by_role("button", name="Copy").click()
    shown.page.get_by_text("Copied").wait_for()
    copied = shown.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("perfgate update-baselines --only 'benchmarks/test_shop.py::")


def test_details_move_with_their_row(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.links.first.click()
    name = shown.names()[0]
    shown.heading("Benchmark").click()
    before = shown.page.locator("tr.details").evaluate(
        "one => one.previousElementSibling.innerText"
    )
    assert name in before


def test_a_link_opens_its_benchmark(opened: Open, paired: bytes) -> None:
    shown = opened(paired, link="#benchmark:benchmarks/test_shop.py::test_order%5B17%5D")
    assert shown.details.count() == 1
    assert NAMES[17] in shown.details.inner_text()
    focused = shown.page.evaluate("document.activeElement.textContent")
    assert focused == NAMES[17]
    top = shown.page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert 0 <= top < 900


def test_opening_a_row_puts_its_link_into_the_address(opened: Open, mixture: bytes) -> None:
    shown = opened(mixture)
    shown.links.nth(1).click()
    address = shown.page.url
    shown.page.goto("about:blank")
    shown.page.goto(address)
    shown.wait()
    assert shown.details.count() == 1
    assert f"{STRIPE}test_create_customer[card]" in shown.details.inner_text()


@pytest.mark.parametrize("link", ["#benchmark:gone", "#%E0%A4%A", "#table", "#"])
def test_a_link_to_nothing_opens_nothing(opened: Open, paired: bytes, link: str) -> None:
    assert opened(paired, link=link).details.count() == 0


# --- for everybody ------------------------------------------------------------------------------


def test_everything_can_be_done_with_the_keyboard_alone(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    press = shown.page.keyboard.press
    press("Tab")
    assert shown.page.evaluate("document.activeElement.textContent") == "To the benchmarks"
    press("Enter")
    press("Tab")
    shown.page.keyboard.type("test_order[1]")
    assert shown.names() == [NAMES[1]]
    for _ in range(20):
        press("Tab")
        if shown.page.evaluate("document.activeElement.matches('tbody th a')"):
            break
    press("Space")
    assert shown.details.count() == 1
    press("Enter")
    assert shown.details.count() == 0
    press("Enter")
    press("Shift+Tab")
    assert shown.page.evaluate("document.activeElement.closest('thead') !== null")
    press("Enter")
    assert shown.page.locator("th[aria-sort]").inner_text().startswith("Change")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 380])
def test_axe_finds_nothing_against_the_rules(
    opened: Open, mixture: bytes, scheme: str, width: int
) -> None:
    for content in (mixture, render_html(paired_report(NAMES[:3]))):
        shown = opened(content, color_scheme=scheme, width=width)
        shown.links.nth(0).click()
        shown.details.locator("summary").first.click()
        assert shown.violations() == []


def test_both_colour_schemes_are_there(opened: Open, paired: bytes) -> None:
    papers = {
        scheme: opened(paired, color_scheme=scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    }
    assert papers == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 27)"}


@pytest.mark.parametrize("width", [320, 380, 700, 1200])
def test_nothing_is_wider_than_the_window(
    opened: Open, mixture: bytes, paired: bytes, width: int
) -> None:
    for content in (mixture, paired):
        shown = opened(content, width=width)
        for place in range(3):
            shown.links.nth(place).click()
        assert shown.overflow_px() == 0
        head = shown.page.locator("#table").bounding_box()
        cell = shown.details.first.bounding_box()
        assert head is not None
        assert cell is not None
        assert cell["width"] == pytest.approx(head["width"], abs=2)


def test_a_window_that_becomes_narrow_is_drawn_again(opened: Open, paired: bytes) -> None:
    shown = opened(paired)
    shown.links.first.click()
    shown.page.set_viewport_size({"width": 380, "height": 800})
    shown.page.locator("figure svg:not([width='860'])").first.wait_for()
    assert shown.overflow_px() == 0


def test_paper_gets_the_reasons_and_charts_of_what_needs_somebody(
    opened: Open, paired: bytes
) -> None:
    shown = opened(paired)
    shown.page.emulate_media(media="print")
    shown.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wanted = shown.verdicts().count("regressed")
    assert wanted > 0
    assert shown.details.count() == wanted
    assert not shown.page.locator(".controls").is_visible()
    shown.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown.details.count() == 0


def test_without_a_script_the_table_is_there(opened: Open, mixture: bytes) -> None:
    # the fixture waits for the script, so the page is opened by hand
    context = opened(mixture).page.context
    browser = context.browser
    assert browser is not None
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(context.pages[0].url)
    assert page.locator("#table tbody tr").count() == 15
    assert page.get_by_text("The limit is p95 < 500ms; measured 612 ms.").is_visible()
    assert not page.locator(".controls").is_visible()
    plain.close()


# --- names from outside -------------------------------------------------------------------------

HOSTILE = [
    pytest.param("</script><script>alert(1)</script>", id="end-of-script"),
    pytest.param('"><img src=x onerror=alert(1)>', id="image"),
    pytest.param("<!--<script>alert(1)", id="comment"),
    pytest.param("'-alert(1)-'", id="quotes"),
    pytest.param("{{ 7 * 7 }}${alert(1)}`alert(1)`", id="templates"),
    pytest.param("javascript:alert(1)//", id="address"),
    pytest.param("x" * 10_000, id="long"),
    pytest.param("界" * 10_000, id="long-and-wide"),
    pytest.param("\u202e\u2066 shalom שלום مرحبا \u2069", id="right-to-left"),
    pytest.param("a\u0300\u0301\u0302" * 300, id="marks"),
    pytest.param("\x00\x1b[31m\r\n\t\ud800", id="control"),
    pytest.param("index", id="our-own-names"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_runs_nothing_and_breaks_nothing(opened: Open, text: str) -> None:
    shown = opened(render_html(report_cases.with_text(text)), width=380)
    assert shown.rows.count() == 7
    for place in range(7):
        shown.links.nth(place).click()
    assert shown.details.count() == 7
    assert shown.page.locator("img, iframe, object, embed").count() == 0
    assert shown.page.locator("script").count() == 4
    assert shown.overflow_px() == 0
    tallest = shown.rows.evaluate_all("all => Math.max(...all.map(one => one.offsetHeight))")
    assert tallest < 1200
    assert shown.page.get_by_role("heading", level=1).evaluate("one => one.offsetHeight") < 300


def test_a_long_name_breaks_nothing_where_there_is_room(opened: Open) -> None:
    shown = opened(render_html(report_cases.with_text("x" * 10_000)))
    shown.links.first.click()
    assert shown.overflow_px() == 0


_INTRUDE = """async () => {
  const refused = new Set();
  const all = new Promise((done) => addEventListener("securitypolicyviolation", (event) => {
    refused.add(event.effectiveDirective);
    if (refused.size === 3) done();
  }));
  const tried = [
    () => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
    },
    () => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran=true'>"),
    () => {
      const style = document.createElement("style");
      style.textContent = "body { display: none }";
      document.body.append(style);
    },
  ];
  for (const each of tried) try { each(); } catch {}
  await fetch("https://example.org/").catch(() => null);
  await all;
  return [Boolean(window.ran), [...refused]];
}"""


def test_what_a_name_could_bring_in_is_refused_by_the_page_itself(
    opened: Open, paired: bytes
) -> None:
    shown = opened(paired)
    ran, refused = shown.page.evaluate(_INTRUDE)
    assert ran is False
    assert {"connect-src", "require-trusted-types-for", "style-src-elem"} == set(refused)
    shown.said.clear()  # the browser's own words on what it refused


def test_a_report_without_a_benchmark_is_a_page(opened: Open) -> None:
    shown = opened(render_html(report_cases.empty()))
    assert shown.page.get_by_text("No benchmark was measured.").is_visible()
    assert shown.violations() == []


def test_the_page_of_a_thousand_benchmarks_answers(opened: Open) -> None:
    names = [f"benchmarks/test_module.py::test_operation[{number}]" for number in range(1_000)]
    content = render_html(paired_report(names))
    assert len(content) < 1.5e6
    shown = opened(content)
    shown.page.get_by_label("Name contains").fill("[999]")
    assert shown.names() == [names[999]]
