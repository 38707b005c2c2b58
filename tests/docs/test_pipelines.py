"""The page of pipelines says how those of the installed diffusers run."""

from __future__ import annotations

from pipelines_table import PAGE, page


def test_the_page_says_how_each_pipeline_runs() -> None:
    assert PAGE.read_text("utf-8") == page()
