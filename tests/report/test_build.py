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
from prettyuseful.checks.finding import Finding, Severity
from prettyuseful.errors import StoreError
from prettyuseful.records import read_records
from prettyuseful.report.build import render, write_report
from prettyuseful.report.markdown import answer_markdown

from .conftest import Make

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """The tags of a page, its text by section, and its JSON by the id of the script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self._section, self._script = "", ""
        self.text, self.json = "", {"figures": "", "markdown": ""}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag in ("script", "style"):
            self._script = attributes.get("id") or "code"
        if tag == "section":
            self._section = attributes.get("id") or ""
            self.sections[self._section] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._script = ""
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._script in self.json:
            self.json[self._script] += data
        elif not self._script:
            self.text += data
            if self._section:
                self.sections[self._section] += data

    @property
    def figures(self) -> dict[str, Any]:
        return dict(json.loads(self.json["figures"]))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def page(small: Summary) -> Page:
    return Page(render(small))


def words(text: str) -> str:
    return " ".join(text.split())


def test_answer_comes_first_and_has_all_sentences(page: Page, make: Make, small: Summary) -> None:
    assert next(iter(page.sections)) == "answer"
    answer = words(page.sections["answer"])
    assert answer.index("A study") < answer.index(small.headline[0]) < answer.index("Is it useful?")
    assert "3 classes" in answer
    for sentence in (*small.headline, *small.answer):
        repeated = sentence.startswith("Trained on base")  # its numbers are in the headline
        assert (sentence in answer) is not repeated
    assert "no results" in words(Page(render(make(failed=("real", "base", "curated")))).sections["answer"])


def test_lead_figure_is_a_table_that_needs_no_script(page: Page, small: Summary) -> None:
    answer = words(page.sections["answer"])
    for row in small.rows:
        assert row.to_real is not None
        assert f"{row.to_real.mean:.1%} [{100 * row.to_real.low:.1f}, {100 * row.to_real.high:.1f}]" in answer


def test_every_number_has_one_style(page: Page) -> None:
    assert re.search(r"-26\.7 points \[-33\.6, -19\.8\]", words(page.sections["accuracy"]))
    assert "\N{MINUS SIGN}" not in page.text


def test_every_section_has_its_plots(page: Page) -> None:
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
    plots = {attributes["data-figure"]: attributes for _, attributes in page.tags if "data-figure" in attributes}
    assert set(plots) == set(page.figures)
    for plot in plots.values():
        assert plot["aria-label"]
        assert words(plot["aria-label"]) in words(page.text), "the text alternative is readable without a script"


def test_contents_link_to_every_section(page: Page) -> None:
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a" and "href" in attributes]
    assert {f"#{section}" for section in page.sections} <= set(links)


def test_terms_link_to_their_explanation(page: Page) -> None:
    targets = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
    terms = [attributes for _, attributes in page.tags if attributes.get("class") == "term"]
    assert len(terms) > 10
    for term in terms:
        assert str(term["href"]).removeprefix("#") in targets
        assert term["aria-describedby"] in targets
    assert all(title in page.sections["reading"] for title in ("Synth→Real", "Coverage", "Exploratory comparison"))


def test_markdown_of_the_answer_is_in_the_page(page: Page, small: Summary) -> None:
    assert json.loads(page.json["markdown"]) == answer_markdown(small, small.rows)


def test_repeats_per_configuration_are_folded_except_for_the_first(make: Make, page: Page) -> None:
    html = render(make(architectures=("small", "resnet50")))
    for section in ("accuracy", "transfer", "pairs", "classes"):
        part = html[html.index(f'<section id="{section}"') :]
        part = part[: part.index("</section>")]
        assert re.findall(r'<details class="fold cell"( open)?><summary>(\w+),', part) == [
            (" open", "small"),
            ("", "resnet50"),
        ]
    assert not any(attributes.get("class") == "fold cell" for _, attributes in page.tags)


def test_markup_in_names_is_escaped(make: Make, small: Summary) -> None:
    html = render(make(title=HOSTILE, question=HOSTILE, classes=("cat", HOSTILE), generator=HOSTILE))
    hostile, plain = Page(html), Page(render(small))
    assert hostile.count("script") == plain.count("script")
    assert all("onerror" not in attributes for _, attributes in hostile.tags)
    assert HOSTILE in hostile.text


def test_markup_in_a_data_set_name_cannot_end_the_script(small: Summary) -> None:
    datasets = tuple(replace_name(dataset) for dataset in small.datasets)
    rows = tuple(row if row.real else replace(row, dataset=row.dataset + HOSTILE) for row in small.rows)
    html = render(replace(small, datasets=datasets, rows=rows, comparisons=()))
    assert Page(html).figures
    assert HOSTILE not in html


def replace_name(dataset: Any) -> Any:
    return dataset if dataset.control else dataset.model_copy(update={"name": dataset.name + HOSTILE})


def test_page_needs_no_network(page: Page) -> None:
    assert not any(tag in ("iframe", "object", "embed", "base") for tag, _ in page.tags)
    for tag, attributes in page.tags:
        source = attributes.get("src") or (attributes.get("href") if tag != "a" else None)
        assert source is None or source.startswith("data:")
    hrefs = {str(attributes["href"]) for tag, attributes in page.tags if tag == "a"}
    links = {href for href in hrefs if not href.startswith("#")}
    assert links == {"https://arxiv.org/abs/2602.19946"}
    [policy] = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert len(re.findall("'sha256-", policy)) == 2


def test_problems_are_listed_before_the_answer(make: Make, page: Page) -> None:
    assert "not complete" not in page.text
    text = words(Page(render(make(failed=("curated",)))).text)
    assert text.index("This study is not complete") < text.index("Data set base is")
    assert "small on curated, seed 0: failed (it broke)" in text
    assert "No complete run: curated" in text


def test_report_without_any_finished_run(make: Make) -> None:
    empty = Page(render(make(failed=("real", "base", "curated"))))
    assert "No generated data set has a complete run yet" in empty.sections["answer"]


def test_report_without_metrics_and_samples_and_with_one_seed(make: Make) -> None:
    report = Page(render(make(metrics=(), sample_images=0, seeds=(0,))))
    assert not {"distribution", "images"} & set(report.sections)
    assert "distribution" not in report.figures
    assert "With one seed" in report.sections["reading"]


def test_missing_intervals_are_dashes(make: Make) -> None:
    report = Page(render(make(failed=("real",))))
    assert "\N{EN DASH}" in report.sections["accuracy"]
    assert "there is none" in words(report.sections["transfer"])


def test_figures_contain_null_for_missing_numbers(small: Summary) -> None:
    rows = tuple(replace(row, seeds=(float("nan"), *row.seeds[1:])) for row in small.rows)
    assert Page(render(replace(small, rows=rows))).figures["accuracy-1"]["data"][0]["x"][0] is None


def test_each_configuration_has_its_own_plots_on_equal_axes(make: Make) -> None:
    figures = Page(render(make(architectures=("small", "resnet50")))).figures
    assert {"accuracy-1", "accuracy-2", "transfer-1", "transfer-2"} <= set(figures)
    for name in ("accuracy", "transfer"):
        assert figures[f"{name}-1"]["layout"]["xaxis"] == figures[f"{name}-2"]["layout"]["xaxis"]


def test_published_values_are_never_in_a_plot_of_measured_values(page: Page) -> None:
    assert "Published, not measured here" in page.sections["published"]
    assert "2602.19946" in page.sections["published"]
    models = {transfer.model for transfer in published().generated}
    for name, figure in page.figures.items():
        texts = {text for trace in figure["data"] for text in trace.get("text", [])}
        assert bool(texts & models) == name.startswith("published-")
    for section, text in page.sections.items():
        assert ("qwen-image" in text) == (section == "published")


def test_sample_images_have_a_text_alternative(page: Page) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 3 * 3
    assert "cat, base: 2 sample images" in {image["alt"] for image in images}
    assert all(image["loading"] == "lazy" and image["width"] and image["height"] for image in images)


def test_section_how_it_was_made(page: Page) -> None:
    making = page.sections["making"]
    for text in ("prettyuseful run STUDY.yaml", "generator: pocket-base", "safety checker", "torch", "12 s", "CC0"):
        assert text in making
    assert "0123456789ab" in making
    assert "pocket models are small models" in page.sections["reading"]


def test_draws_are_shown_with_their_accuracies_and_runs(make: Make, page: Page) -> None:
    drawn = Page(render(make(draws={"base": 3})))
    [row] = make(draws={"base": 3}).rows[1:2]
    values = ", ".join(f"{100 * value:.1f}%" for value in row.draws.values())
    assert f"of the generator, over training seeds and without an interval: base {values}." in drawn.text
    assert "3, numbered from 0, with the seeds 0 to 2; metrics, diagnosis" in drawn.text
    assert "base, draw 2" in drawn.text
    assert "without an interval: " not in page.text


def test_special_properties_of_data_sets_are_listed(finished: Path, blended: Path) -> None:
    cut, mixed = (Page((folder / "out" / "report.html").read_text("utf-8")) for folder in (finished, blended))
    assert re.search(r"truncated by tokenizer\s*14 prompts longer than its limit", cut.sections["making"])
    assert "pretrained on" not in cut.sections["making"]
    assert re.search(
        r"pretrained on\s*noise: classifiers were trained on that data set first", mixed.sections["making"]
    )
    assert "mix of real and noise" in mixed.sections["making"]


def test_pocket_models_are_explained_only_where_they_are_used(make: Make) -> None:
    assert "pocket models" not in Page(render(make(generator="sd-1.5"))).text


def test_equal_summaries_give_equal_bytes(make: Make) -> None:
    assert render(make()) == render(make())


def test_rendering_takes_less_than_two_seconds(small: Summary) -> None:
    render(small)
    started = time.perf_counter()
    render(small)
    assert time.perf_counter() - started < 2


def test_report_is_written_whole_or_the_error_names_a_remedy(small: Summary, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write_report(small, path) == path
    assert path.read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(StoreError, match=r"cannot write the report to .*--out"):
        write_report(small, tmp_path / "nowhere" / "report.html")
    with pytest.raises(StoreError, match="it is a folder"):
        write_report(small, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_calibration_is_shown_with_its_range_over_seeds(finished: Path) -> None:
    summary = summarise(read_records(finished / "out" / "records"))
    (row,) = (row for row in summary.rows if row.dataset == "tiny")
    errors = row.calibration["ece"]
    assert len(errors) == len(row.calibration["top5"]) == 2
    section = Page(render(summary)).sections["accuracy"]
    assert f"{np.mean(errors):.1%} [{100 * min(errors):.1f}, {100 * max(errors):.1f}]" in words(section)
    assert "not an interval" in section


def test_p_values_of_exploratory_pairs_are_holm_adjusted(make: Make) -> None:
    rates = {"real": 0.9, "a": 0.62, "b": 0.6, "c": 0.4}
    pairs = make(rates=rates).comparisons
    unadjusted = [pair.to_real.p for pair in pairs]
    assert len(pairs) == 3
    assert [pair.p for pair in pairs] == list(holm([p for p in unadjusted if p is not None]))
    planned = make(rates=rates, changed={"c": {"generator": "pocket-base", "control": "a"}}).comparisons
    assert [pair.p for pair in planned if pair.planned] == [pair.to_real.p for pair in planned if pair.planned]


def with_findings(summary: Summary, *findings: Finding) -> Summary:
    """Return the summary with these findings of the data checks on its last data set."""
    *others, last = (data.model_copy(update={"findings": ()}) for data in summary.datasets)
    return replace(summary, datasets=(*others, last.model_copy(update={"findings": findings})))


def data_finding(severity: Severity, check: str, words: str, *examples: str) -> Finding:
    return Finding(
        check=check, severity=severity, set="base", count=1, total=9, words=words, advice="Look.", examples=examples
    )


def test_findings_of_the_data_checks_come_before_the_answer(small: Summary) -> None:
    findings = (
        data_finding("error", "leaked", "9 images are copies.", HOSTILE),
        data_finding("note", "few_images", "2 classes are small."),
        data_finding("warning", "repeated", "3 images repeat."),
    )
    html = render(with_findings(small, *findings))
    text = Page(html).sections["answer"]
    places = [
        text.index(part)
        for part in (
            "Before you trust the numbers",
            "Test images in what is trained on. 9 images are copies. Look.",
            "Repeated images. 3 images repeat.",
            "1 more note on the files",
            "2 classes are small.",
            small.headline[0][:30],
        )
    ]
    assert places == sorted(places)
    assert text.count("9 images are copies.") == 1
    assert HOSTILE not in html
    assert HOSTILE in text


def test_many_findings_are_one_line_for_each_check(small: Summary) -> None:
    """The answer stays on the first screen."""
    kinds: list[tuple[Severity, str]] = [("error", "leaked"), ("warning", "repeated")]
    findings = [
        data_finding(severity, check, f"{number} {check}.").model_copy(update={"set": f"set-{number}"})
        for number in range(3)
        for severity, check in kinds
    ]
    text = Page(render(with_findings(small, *findings))).sections["answer"]
    places = [
        text.index(part)
        for part in (
            "Test images in what is trained on: set-0, set-1, set-2",
            "2 leaked. Look.",
            "Repeated images: set-0, set-1, set-2",
            "2 repeated. Look.",
            small.headline[0][:30],
        )
    ]
    assert places == sorted(places)


def test_a_study_whose_data_are_clean_has_one_quiet_line(small: Summary) -> None:
    text = Page(render(with_findings(small))).sections["answer"]
    assert "The data checks found nothing that misleads" in text
    assert "Before you trust" not in text
    assert "data checks" not in Page(render(small)).text  # they did not run


def test_the_copied_answer_begins_with_errors_and_warnings(small: Summary) -> None:
    summary = with_findings(
        small, data_finding("error", "leaked", "9 images are copies."), data_finding("warning", "repeated", "3 repeat.")
    )
    markdown = answer_markdown(summary, ())
    assert "## Before you trust the numbers\n\n- 9 images are copies.\n- 3 repeat.\n\n## Answer\n" in markdown
    assert markdown.count("9 images are copies.") == 1
