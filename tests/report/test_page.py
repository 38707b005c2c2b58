"""The report in a real browser: it draws, fits, follows the scheme, prints, and asks nothing of the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prettyuseful.report.build import write_report

from . import chromium
from .chromium import Browser
from .conftest import Make

pytestmark = pytest.mark.skipif(chromium.find() is None, reason="no Chromium on this machine")

LONG = "a-data-set-with-a-very-long-name-that-goes-on-and-on"
PLOTS = "[...document.querySelectorAll('[data-figure]')]"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
TICK = "document.querySelector('.xtick text').style.fill"
FIRST_CLASS = "document.querySelector('.heat tbody th').textContent"


@pytest.fixture(scope="module")
def report(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    classes = [f"class {i:02d}" for i in range(20)]
    summary = make(
        classes=classes,
        rates={"real": 0.9, "base": 0.6, LONG: 0.4},
        architectures=("small", "resnet50"),
        title="A study </script><script>window.broken = true</script>",
    )
    return write_report(summary, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_draws_and_fits(browser: Browser, report: Path, width: int, scheme: str) -> None:
    browser.look(width, scheme)
    browser.open(report)
    assert browser.errors() == []
    assert browser.requests() == [report.as_uri()]
    assert browser.run("window.broken") is None
    traces = browser.run(f"{PLOTS}.map(plot => plot.querySelectorAll('svg .scatterlayer .trace').length)")
    assert len(traces) == 8
    assert all(traces)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(f"{PLOTS}.every(plot => plot.querySelector('.main-svg').clientWidth <= plot.clientWidth + 1)")


def test_follows_the_scheme_while_open(browser: Browser, report: Path) -> None:
    browser.look(1440, "light")
    browser.open(report)
    background, tick = browser.run(BACKGROUND), browser.run(TICK)
    browser.look(1440, "dark")
    browser.until(f"{TICK} !== '{tick}'")
    assert browser.run(BACKGROUND) != background


def test_prints_in_light_with_everything_open_and_then_returns(browser: Browser, report: Path) -> None:
    browser.look(1440, "dark")
    browser.open(report)
    before = browser.run(TICK)
    state = "[document.querySelectorAll('details:not([open])').length, " + f"{TICK}, {BACKGROUND}]"
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    closed, tick, background = browser.run(state)
    assert (closed, background) == (0, "rgb(251, 250, 248)")
    assert tick != before
    assert browser.run(f"{PLOTS}.every(plot => plot.querySelector('.main-svg').clientWidth <= 640)")
    browser.run("window.dispatchEvent(new Event('afterprint'))")
    assert browser.run(TICK) == before
    assert len(browser.call("Page.printToPDF")["data"]) > 10_000


def test_tables_sort_and_images_can_be_chosen(browser: Browser, report: Path) -> None:
    browser.look(1440, "light")
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


def test_of_many_cells_all_but_the_first_unfold_with_their_plots(browser: Browser, make: Make, tmp_path: Path) -> None:
    report = write_report(make(architectures=("small", "resnet50", "vit")), tmp_path / "report.html")
    browser.look(1440, "light")
    browser.open(report)
    folded = "[...document.querySelectorAll('#accuracy > details.cell')]"
    titles = browser.run(f"{folded}.map(cell => cell.querySelector('summary').textContent)")
    assert [title.split(",")[0] for title in titles] == ["resnet50", "vit"]
    width = f"{folded}[0].querySelector('.main-svg').clientWidth"
    browser.run(f"{folded}[0].open = true")
    browser.until(f"{width} > 600")
    assert browser.run(f"{width} <= {folded}[0].querySelector('[data-figure]').clientWidth + 1")
