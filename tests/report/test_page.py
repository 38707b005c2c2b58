"""The report in a real browser: plots, width, colours, print, contents, hovers, copying, no network, no script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from prettyuseful.analysis.summary import Summary
from prettyuseful.report.build import write_report
from prettyuseful.report.markdown import answer_markdown

from . import chromium
from .chromium import Browser
from .conftest import Make
from .test_thumbnails import noise_png

pytestmark = pytest.mark.skipif(chromium.find() is None, reason="no Chromium on this machine")

slow = partial(pytest.param, marks=pytest.mark.slow)
LONG = "a-data-set-with-a-very-long-name-that-goes-on-and-on"
PLOTS = "[...document.querySelectorAll('[data-figure]')]"
OPEN_PLOTS = "[...document.querySelectorAll('[data-figure]')].filter(plot => plot.checkVisibility())"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
TICK = "document.querySelector('.xtick text').style.fill"
FIRST_CLASS = "document.querySelector('.heat tbody th').textContent"
HOVER = "document.getElementById('hover')"
CURRENT = "document.querySelector('nav [aria-current]').hash"


@pytest.fixture(scope="module")
def summary(make: Make) -> Summary:
    return make(
        classes=[f"class {i:02d}" for i in range(20)],
        rates={"real": 0.9, "base": 0.6, LONG: 0.4},
        architectures=("small", "resnet50"),
        diagnosed=("base",),
        title="A study </script><script>window.broken = true</script>",
    )


@pytest.fixture(scope="module")
def report(summary: Summary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(summary, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def scroll_to(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector('{selector}').scrollIntoView({{behavior: 'instant'}})")


def draw_all(browser: Browser) -> None:
    """Scroll past every plot, because plots are drawn when they come near."""
    for number in range(browser.run(f"{OPEN_PLOTS}.length")):
        plot = f"{OPEN_PLOTS}[{number}]"
        browser.run(f"{plot}.scrollIntoView({{behavior: 'instant'}})")
        browser.until(f"{plot}.querySelector('.main-svg') !== null")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark"), slow(1440, "dark"), slow(390, "light")])
def test_page_draws_all_plots_and_fits_the_width(browser: Browser, report: Path, width: int, scheme: str) -> None:
    browser.emulate(width, scheme)
    browser.open(report)
    draw_all(browser)
    assert browser.errors() == []
    assert browser.requests() == [report.as_uri()]
    assert browser.run("window.broken") is None
    traces = browser.run(f"{OPEN_PLOTS}.map(plot => plot.querySelectorAll('svg .scatterlayer .trace').length)")
    assert len(traces) == 7
    assert all(traces)
    assert browser.run("document.documentElement.scrollWidth") <= width
    fits = "plot.querySelector('.main-svg').clientWidth <= plot.clientWidth + 1"
    assert browser.run(f"{OPEN_PLOTS}.every(plot => {fits})")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_first_screen_has_the_headline_and_the_figure(browser: Browser, report: Path, width: int, height: int) -> None:
    browser.emulate(width, "light", height)
    browser.open(report)
    for selector in ("h1", ".headline p:last-child", "figure.lead .chart"):
        assert 0 < browser.run(f"document.querySelector('{selector}').getBoundingClientRect().bottom") <= height


@pytest.mark.parametrize(("width", "height", "shown"), [(1280, 800, 1.0), (390, 844, 0.8)])
def test_first_screen_has_usefulness_against_prettiness(
    browser: Browser, make: Make, tmp_path: Path, width: int, height: int, shown: float
) -> None:
    rates, prettiness = {"real": 0.9, "base": 0.6, LONG: 0.4}, {"real": 0.0, "base": 0.1, LONG: 0.5}
    released = {"base": "2022-10", LONG: "2024-02"}
    page = write_report(make(rates=rates, prettiness=prettiness, released=released), tmp_path / "report.html")
    browser.emulate(width, "light", height)
    browser.open(page)
    figure = "document.querySelector('#pretty-useful')"
    browser.until(f"{figure}.querySelector('.main-svg') !== null")
    assert browser.errors() == []
    top, bottom = (browser.run(f"{figure}.getBoundingClientRect().{side}") for side in ("top", "bottom"))
    assert top + shown * (bottom - top) <= height
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.querySelector('figure.lead').getBoundingClientRect().top") > bottom


def test_plots_are_drawn_only_when_they_come_near(browser: Browser, report: Path) -> None:
    browser.emulate(1440, "light")
    browser.open(report)
    last = f"{OPEN_PLOTS}.pop()"
    assert browser.run(f"{last}.querySelector('.main-svg')") is None
    browser.run(f"{last}.scrollIntoView({{behavior: 'instant'}})")
    browser.until(f"{last}.querySelector('.main-svg') !== null")


def test_colours_follow_the_scheme_while_the_page_is_open(browser: Browser, report: Path) -> None:
    browser.emulate(1440, "light")
    browser.open(report)
    draw_all(browser)
    background, tick = browser.run(BACKGROUND), browser.run(TICK)
    browser.emulate(1440, "dark")
    browser.until(f"{TICK} !== '{tick}'")
    assert browser.run(BACKGROUND) != background


def test_print_is_light_and_complete_and_then_the_page_returns(browser: Browser, report: Path) -> None:
    browser.emulate(1440, "dark")
    browser.open(report)
    scroll_to(browser, "#accuracy")
    browser.until("document.querySelector('.xtick text') !== null")
    before = browser.run(TICK)
    state = "[document.querySelectorAll('details:not([open])').length, " + f"{TICK}, {BACKGROUND}]"
    closed_before = browser.run("document.querySelectorAll('details:not([open])').length")
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    closed, tick, background = browser.run(state)
    assert (closed, background) == (0, "rgb(251, 250, 248)")
    assert tick != before
    assert browser.run(f"{PLOTS}.every(plot => plot.querySelector('.main-svg').clientWidth <= 640)")
    browser.run("window.dispatchEvent(new Event('afterprint'))")
    assert browser.run(TICK) == before
    assert browser.run(state)[0] == closed_before
    assert len(browser.call("Page.printToPDF")["data"]) > 10_000


def test_tables_sort_and_classes_can_be_chosen(browser: Browser, report: Path) -> None:
    browser.emulate(1440, "light")
    browser.open(report)
    head = "document.querySelectorAll('.heat thead button')[0].click()"
    assert browser.run(FIRST_CLASS) == "class 00"
    browser.run(f"{head}, {head}")
    assert browser.run(FIRST_CLASS) == "class 19"
    rows = "[...document.querySelectorAll('.images tbody tr')].filter(row => row.offsetHeight).length"
    assert browser.run(rows) == 16
    browser.run("document.getElementById('all-classes').click()")
    assert browser.run(rows) == 20
    choice = "document.getElementById('class-choice')"
    browser.run(f"{choice}.value = '3', {choice}.dispatchEvent(new Event('change'))")
    assert browser.run(rows) == 1


def test_folded_configurations_open_with_their_plots(browser: Browser, report: Path) -> None:
    browser.emulate(1440, "light")
    browser.open(report)
    folds = "[...document.querySelectorAll('#accuracy > details.cell')]"
    assert browser.run(f"{folds}.map(fold => fold.open)") == [True, False]
    browser.run(f"{folds}[1].open = true, {folds}[1].scrollIntoView({{behavior: 'instant'}})")
    width = f"{folds}[1].querySelector('.main-svg')?.clientWidth"
    browser.until(f"{width} > 600")
    assert browser.run(f"{width} <= {folds}[1].querySelector('[data-figure]').clientWidth + 1")


def test_contents_follow_the_reader(browser: Browser, report: Path) -> None:
    browser.emulate(1440, "light")
    browser.open(report)
    browser.until(f"{CURRENT} === '#answer'")
    scroll_to(browser, "#classes")
    browser.until(f"{CURRENT} === '#classes'")
    assert browser.run("document.querySelectorAll('nav [aria-current]').length") == 1
    assert browser.run("document.getElementById('contents').open")
    browser.emulate(390, "light")
    browser.until("!document.getElementById('contents').open")
    assert browser.run("document.querySelector('nav summary').textContent").startswith("Contents")


def test_hover_of_a_term_works_with_the_keyboard(browser: Browser, report: Path) -> None:
    browser.emulate(390, "light")
    browser.open(report)
    term = "document.querySelector('a[href=\"#term-chance\"]')"
    browser.run(f"{term}.focus()")
    browser.until(f"!{HOVER}.hidden")
    assert "random guessing" in browser.run(f"{HOVER}.textContent")
    left, right = browser.run(f"(({{left, right}}) => [left, right])({HOVER}.getBoundingClientRect())")
    assert 0 <= left < right <= 390
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Escape", code="Escape", windowsVirtualKeyCode=27)
    browser.until(f"{HOVER}.hidden")


def test_touching_a_term_shows_its_hover_and_touching_again_follows_the_link(browser: Browser, report: Path) -> None:
    browser.emulate(390, "light")
    browser.open(report)
    term = "document.querySelector('a[href=\"#term-chance\"]')"
    touch = "{bubbles: true, cancelable: true, pointerType: 'touch'}"
    tap = f"for (const kind of ['pointerdown', 'click']) {term}.dispatchEvent(new PointerEvent(kind, {touch}))"
    browser.run(tap)
    assert browser.run(f"[{HOVER}.hidden, location.hash]") == [False, ""]
    browser.run(tap)
    assert browser.run(f"[{HOVER}.hidden, location.hash]") == [True, "#term-chance"]


@pytest.mark.parametrize("clipboard", [True, False])
def test_answer_is_copied_as_markdown(browser: Browser, report: Path, summary: Summary, clipboard: bool) -> None:
    browser.emulate(1440, "light")
    browser.open(report)
    fake = "{writeText: async text => { window.copied = text }}" if clipboard else "undefined"
    browser.run(f"Object.defineProperty(navigator, 'clipboard', {{value: {fake}}}), 0")
    browser.run("document.execCommand = () => { window.copied = document.activeElement.value; return true }, 0")
    browser.run("document.getElementById('copy').click()")
    browser.until("document.getElementById('copied').textContent === 'Copied.'")
    rows = [row for row in summary.rows if row.cell == summary.rows[0].cell]
    assert browser.run("window.copied") == answer_markdown(summary, rows)
    assert browser.run("document.querySelector('.copy textarea')") is None


def test_text_to_copy_is_shown_where_copying_is_not_allowed(browser: Browser, report: Path) -> None:
    browser.emulate(1440, "light")
    browser.open(report)
    browser.run("Object.defineProperty(navigator, 'clipboard', {value: undefined}), 0")
    browser.run("document.execCommand = () => false, document.getElementById('copy').click()")
    browser.until("document.querySelector('.copy textarea')?.value.startsWith('# A study')")


def test_answer_and_tables_are_readable_without_scripts(browser: Browser, report: Path, summary: Summary) -> None:
    browser.emulate(1440, "light")
    browser.open(report, scripts=False)
    try:
        text = " ".join(browser.run("document.body.innerText").split())
        for sentence in summary.headline:
            assert sentence in text
        assert re.search(r"Accuracy on real test images: real \d+\.\d% \[", text), "the description of a plot"
        assert browser.run("document.querySelector('#accuracy table').checkVisibility()")
        assert browser.run("document.getElementById('copy').hidden")
    finally:
        browser.open(report)


def test_large_study_stays_small_and_opens_fast(
    browser: Browser, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check the byte budget with a small study; `benchmarks/report_size.py` measures a large one."""
    monkeypatch.setattr("prettyuseful.report.cells._SAMPLE_BYTES", 200_000)
    pool = [noise_png(96, seed) for seed in range(10)]
    records = {"sample_images": 8, "image": lambda label, number: pool[(7 * label + number) % len(pool)]}
    summary = make(classes=[f"class {i}" for i in range(30)], diagnosed=("base",), **records)
    report = write_report(summary, tmp_path / "report.html")
    assert report.stat().st_size < 3_000_000
    browser.emulate(1280, "light")
    browser.open(report)
    assert browser.run("performance.getEntriesByType('navigation')[0].loadEventEnd") < 5000
