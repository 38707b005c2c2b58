from __future__ import annotations

import json
from dataclasses import replace

import pytest

from prettyuseful.analysis.published import published
from prettyuseful.report import published_figures
from prettyuseful.report.drawing import Figure


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    paper = published()
    made = (
        published_figures.published_release_figure(paper),
        published_figures.published_transfer_figure(paper),
        published_figures.published_distribution_figure(paper),
    )
    return {figure.name: figure for figure in made}


def test_published_figures_hold_the_published_values() -> None:
    paper = published()
    release = published_figures.published_release_figure(paper)
    assert release.data[0]["y"] == [t.synth_to_real for t in paper.generated if t.release]
    transfer = published_figures.published_transfer_figure(paper)
    drawn = {point for trace in transfer.data for point in zip(trace["x"], trace["y"], strict=True)}
    assert drawn == {(t.real_to_synth, t.synth_to_real) for t in paper.transfers}
    distribution = published_figures.published_distribution_figure(paper)
    drawn = {point for trace in distribution.data for point in zip(trace["x"], trace["y"], strict=True)}
    assert drawn == {(d.coverage, d.density) for d in paper.distributions}
    geneval = published_figures.published_geneval_figure(paper)
    accuracy = {t.model: t.synth_to_real for t in paper.generated if t.prompts == "class-name"}
    drawn = set(zip(geneval.data[0]["x"], geneval.data[0]["y"], strict=True))
    assert drawn == {(score, accuracy[model]) for model, score in paper.geneval}
    assert "qwen-image GenEval 0.87, Synth→Real 0.099" in geneval.alt
    assert geneval.layout["shapes"][0]["y0"] == paper.real.synth_to_real


def test_text_alternatives_contain_all_values(figures: dict[str, Figure]) -> None:
    paper = published()
    release, transfer, distribution = (
        figures[f"published-{name}"].alt for name in ("release", "transfer", "distribution")
    )
    for model in paper.generated:
        assert f"{model.model} {model.prompts}: Real→Synth {model.real_to_synth:.3f}" in transfer
        if model.release:
            assert f"{model.model} ({model.release}) {model.synth_to_real:.3f}" in release
    assert all(f"{d.model} {d.prompts}: density {d.density}" in distribution for d in paper.distributions)


def test_every_value_has_a_label_and_a_hover(figures: dict[str, Figure]) -> None:
    for figure in figures.values():
        for trace in figure.data:
            assert len(trace["x"]) == len(trace["y"]) == len(trace["hovertext"])
            assert len(trace.get("text", trace["x"])) == len(trace["x"])


def test_captions_are_hollow_squares_and_class_names_filled_circles(figures: dict[str, Figure]) -> None:
    for name in ("published-transfer", "published-distribution"):
        names, captions, *_ = (trace["marker"] for trace in figures[name].data)
        assert (names["symbol"], captions["symbol"]) == ("circle", "square")
        assert names["color"] != captions["color"]


def test_all_points_lie_within_the_axes(figures: dict[str, Figure]) -> None:
    for figure in figures.values():
        (left, right), (low, high) = (figure.layout[f"{axis}axis"]["range"] for axis in "xy")
        for trace in figure.data:
            assert all(left < x < right for x in trace["x"])  # months are text in order
            assert all(low < y < high for y in trace["y"])


def test_release_axis_extends_three_months_across_a_new_year() -> None:
    paper = published()
    first, last = [model for model in paper.generated if model.release][:2]
    some = replace(paper, transfers=(paper.real, replace(first, release="2022-02"), replace(last, release="2023-11")))
    layout = published_figures.published_release_figure(some).layout
    assert layout["xaxis"]["range"] == ["2021-11", "2024-02"]


def test_model_names_are_escaped() -> None:
    paper = published()
    marked = tuple(replace(t, model="<a>") if t.model != "real" else t for t in paper.transfers)
    figure = published_figures.published_release_figure(replace(paper, transfers=marked))
    assert "<a>" not in json.dumps(figure.data)
