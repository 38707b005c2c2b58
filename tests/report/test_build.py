from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prettyuseful.analysis.published import published
from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.errors import StoreError
from prettyuseful.records import read_records
from prettyuseful.report.build import render, write_report

from .conftest import Make

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """The tags of a page, its text by section, and its data scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self._section, self._raw = "", ""
        self.text, self.json = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in ("script", "style"):
            self._raw = found.get("id") or "code"
        if tag == "section":
            self._section = found.get("id") or ""
            self.sections[self._section] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._raw = ""
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._raw == "figures":
            self.json += data
        elif not self._raw:
            self.text += data
            if self._section:
                self.sections[self._section] += data

    @property
    def figures(self) -> dict[str, Any]:
        return dict(json.loads(self.json))

    def count(self, tag: str) -> int:
        return sum(found == tag for found, _ in self.tags)


@pytest.fixture(scope="module")
def page(small: Summary) -> Page:
    return Page(render(small))


def test_says_what_was_asked_and_the_answer(page: Page, small: Summary) -> None:
    assert "A study" in page.text
    assert "Is it useful?" in page.text
    assert "3 classes" in page.text
    answer = " ".join(page.sections["answer"].split()).replace("\N{MINUS SIGN}", "-")
    for sentence in small.answer:
        assert sentence in answer


def test_has_every_section_with_its_plots(page: Page) -> None:
    assert list(page.sections) == [
        "answer",
        "accuracy",
        "transfer",
        "distribution",
        "pairs",
        "classes",
        "images",
        "published",
        "reading",
        "making",
    ]
    places = {found["data-figure"] for _, found in page.tags if "data-figure" in found}
    assert places == set(page.figures)
    assert all(found.get("aria-label") for _, found in page.tags if "data-figure" in found)


def test_hostile_words_stay_words(make: Make, small: Summary) -> None:
    html = render(make(title=HOSTILE, question=HOSTILE, classes=("cat", HOSTILE), generator=HOSTILE))
    hostile, plain = Page(html), Page(render(small))
    assert hostile.count("script") == plain.count("script")
    assert all("onerror" not in found for _, found in hostile.tags)
    assert HOSTILE in hostile.text


def test_a_hostile_data_set_name_cannot_end_the_figures(small: Summary) -> None:
    datasets = tuple(replace_name(dataset) for dataset in small.datasets)
    rows = tuple(row if row.real else replace(row, dataset=row.dataset + HOSTILE) for row in small.rows)
    html = render(replace(small, datasets=datasets, rows=rows, comparisons=()))
    assert Page(html).figures
    assert HOSTILE not in html


def replace_name(dataset: Any) -> Any:
    return dataset if dataset.control else dataset.model_copy(update={"name": dataset.name + HOSTILE})


def test_asks_nothing_of_the_network(page: Page) -> None:
    assert not any(tag in ("iframe", "object", "embed", "base") for tag, _ in page.tags)
    for tag, found in page.tags:
        source = found.get("src") or (found.get("href") if tag != "a" else None)
        assert source is None or source.startswith("data:")
    links = {found["href"] for tag, found in page.tags if tag == "a" and not str(found["href"]).startswith("#")}
    assert links == {"https://arxiv.org/abs/2602.19946"}
    [policy] = [f["content"] for t, f in page.tags if t == "meta" and f.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert len(re.findall("'sha256-", policy)) == 2


def test_problems_come_first_and_are_told_plainly(make: Make, page: Page) -> None:
    assert "not complete" not in page.text
    text = Page(render(make(failed=("curated",)))).text
    assert text.index("This study is not complete") < text.index("The answer")
    assert "small on curated, seed 0: failed (it broke)" in text
    assert "No finished run: curated" in text


def test_nothing_finished_is_a_report_too(make: Make) -> None:
    found = Page(render(make(failed=("real", "base", "curated"))))
    assert "No run is complete" in found.sections["answer"]


def test_no_metrics_no_samples_one_seed(make: Make) -> None:
    found = Page(render(make(metrics=(), samples=0, seeds=(0,))))
    assert not {"distribution", "images"} & set(found.sections)
    assert "distribution" not in found.figures
    assert "With one seed" in found.sections["reading"]


def test_missing_intervals_leave_a_dash(make: Make) -> None:
    found = Page(render(make(failed=("real",))))
    assert "\N{EN DASH}" in found.sections["accuracy"]
    assert "nothing to draw" in " ".join(found.sections["transfer"].split())


def test_a_number_that_is_none_does_not_break_the_figures(small: Summary) -> None:
    rows = tuple(replace(row, seeds=(float("nan"), *row.seeds[1:])) for row in small.rows)
    assert Page(render(replace(small, rows=rows))).figures["accuracy-1"]["data"][0]["x"][0] is None


def test_each_cell_has_its_own_plots_on_equal_axes(make: Make) -> None:
    figures = Page(render(make(architectures=("small", "resnet50")))).figures
    assert {"accuracy-1", "accuracy-2", "transfer-1", "transfer-2"} <= set(figures)
    for name in ("accuracy", "transfer"):
        assert figures[f"{name}-1"]["layout"]["xaxis"] == figures[f"{name}-2"]["layout"]["xaxis"]


def test_published_values_are_apart_and_never_in_a_measured_plot(page: Page) -> None:
    assert "Published, not measured here" in page.sections["published"]
    assert "2602.19946" in page.sections["published"]
    models = {found.model for found in published().generated}
    for name, figure in page.figures.items():
        texts = {text for trace in figure["data"] for text in trace.get("text", [])}
        assert bool(texts & models) == name.startswith("published-")
    for section, text in page.sections.items():
        assert ("qwen-image" in text) == (section == "published")


def test_images_have_words_and_come_in_classes(page: Page) -> None:
    alts = [found.get("alt") for tag, found in page.tags if tag == "img"]
    assert len(alts) == 3 * 3 * 2
    assert "cat, base, image 1" in alts


def test_tells_how_it_was_made(page: Page) -> None:
    making = page.sections["making"]
    for words in ("prettyuseful run STUDY.yaml", "generator: pocket-base", "safety checker", "torch", "12 s", "CC0"):
        assert words in making
    assert "0123456789ab" in making
    assert "pocket models are small models" in page.sections["reading"]


def test_tells_what_is_particular_to_a_data_set(finished: Path, blended: Path) -> None:
    cut, mixed = (Page((folder / "out" / "report.html").read_text("utf-8")) for folder in (finished, blended))
    assert re.search(r"cut by tokenizer\s*14 prompts, longer than it takes", cut.sections["making"])
    assert "trained after" not in cut.sections["making"]
    assert re.search(r"trained after\s*noise: classifiers saw that data set first", mixed.sections["making"])
    assert "mix of real and noise" in mixed.sections["making"]


def test_speaks_of_pocket_models_only_where_there_are_some(make: Make) -> None:
    assert "pocket models" not in Page(render(make(generator="sd-1.5"))).text


def test_equal_summaries_give_equal_bytes(make: Make) -> None:
    assert render(make()) == render(make())


def test_is_quick_once_the_summary_is_there(small: Summary) -> None:
    render(small)
    started = time.perf_counter()
    render(small)
    assert time.perf_counter() - started < 2


def test_writes_whole_or_says_how_to_mend_it(small: Summary, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write_report(small, path) == path
    assert path.read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(StoreError, match=r"cannot write the report to .*--out"):
        write_report(small, tmp_path / "nowhere" / "report.html")
    with pytest.raises(StoreError, match="it is a folder"):
        write_report(small, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_certainty_stands_with_its_spread_over_seeds(finished: Path) -> None:
    summary = summarise(read_records(finished / "out" / "records"))
    (row,) = (row for row in summary.rows if row.dataset == "tiny")
    errors = row.certainty["ece"]
    assert len(errors) == len(row.certainty["top5"]) == 2
    section = Page(render(summary)).sections["accuracy"]
    assert f"{np.mean(errors):.1%} [{100 * min(errors):.1f}, {100 * max(errors):.1f}]" in section
    assert "not an interval" in section


def test_p_values_of_unplanned_pairs_are_adjusted_for_all_of_them(make: Make) -> None:
    rates = {"real": 0.9, "a": 0.62, "b": 0.6, "c": 0.4}
    pairs = make(rates=rates).comparisons
    alone = [pair.to_real.p for pair in pairs]
    assert len(pairs) == 3
    assert [pair.p for pair in pairs] == list(holm([p for p in alone if p is not None]))
    planned = make(rates=rates, changed={"c": {"generator": "pocket-base", "control": "a"}}).comparisons
    assert [pair.p for pair in planned if pair.planned] == [pair.to_real.p for pair in planned if pair.planned]
