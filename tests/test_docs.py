"""What the docs say is what the code says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from docs_tables import TABLES, Table


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_are_those_of_the_rows(table: Table) -> None:
    """Renew them with `python tools/docs_tables.py`."""
    text = table.path.read_text("utf-8")
    assert f"<!-- table: {table.name} -->" in text
    assert table.within(text) == text
