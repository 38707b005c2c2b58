"""The generated parts of the documentation equal what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from docs_hooks import project_urls, site_links
from docs_markdown import Doc, SchemaTables
from docs_reference import commands, generated_files, navigation, study_tables
from docs_tables import TABLES, fill_tables

import prettyuseful
from prettyuseful.analysis.published import CITATION, LINK

ROOT = Path(__file__).parents[1]
FILES = generated_files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_files_are_up_to_date(path: Path) -> None:
    """Run `make docs-reference` if this fails."""
    assert path.read_text("utf-8") == FILES[path]


def test_a_marked_table_is_replaced_and_the_rest_of_the_page_is_kept() -> None:
    page = "before\n<!-- table: tasks -->\nold\n<!-- end -->\nafter\n"
    filled = fill_tables(page)
    assert filled == page.replace("old", TABLES["tasks"].text)
    assert fill_tables(filled) == filled
    with pytest.raises(KeyError):
        fill_tables("<!-- table: none -->\n\n<!-- end -->")


def test_every_command_has_a_description_and_an_example() -> None:
    assert [name for name, command in commands().items() if not command.help or not command.epilog] == []


def test_every_public_name_is_in_the_python_reference() -> None:
    text = FILES[ROOT / "docs" / "reference" / "python.md"]
    shown = set(re.findall(r"^::: [\w.]+\.(\w+)$", text, re.MULTILINE))
    assert {*prettyuseful.__all__, *prettyuseful.metrics.__all__} - {"__version__", "metrics", "METRICS"} <= shown


def test_every_key_of_a_study_has_an_anchor() -> None:
    tables = study_tables()
    text = FILES[ROOT / "docs" / "reference" / "study-file.md"]
    keys = sum(len(schema.get("properties", {})) for schema in tables.schemas.values())
    anchors = re.findall(r'<a id="([^"]+)">', text)
    assert len(anchors) == len(set(anchors)) == keys
    assert {"datasets", "datasets.NAME.generator", "train.seeds", "datasets.NAME.prompts.captioner.model"} <= {*anchors}


def test_types_of_a_schema_are_written_in_words() -> None:
    schema = {
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 3, "description": "how many"},
            "names": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "child": {"anyOf": [{"$ref": "#/$defs/Child"}, {"type": "null"}], "default": None},
            "share": {"type": "number", "exclusiveMinimum": 0},
        },
        "required": ["names", "share"],
        "$defs": {"Child": {"properties": {"x": {"const": 1, "default": 1}}, "description": "A child.\n\nMore."}},
    }
    tables = SchemaTables(schema, "Root")
    assert [row[1:] for row in tables.rows("Root")] == [
        ("integer, 1 to 1,000", "`3`", "How many."),
        ("list of: text (at least 1)", "required", ""),
        ("[`child`](#child)", "none", "A child."),
        ("number, above 0", "required", ""),
    ]


def test_a_docstring_gives_the_descriptions_of_its_attributes() -> None:
    doc = Doc.parse("A thing.\n\nMore.\n\nAttributes:\n    a: first\n        line.\n    b: second.\n")
    assert (doc.text, doc.summary) == ("A thing.\n\nMore.", "A thing")
    assert doc.fields == {"a": "first line.", "b": "second."}
    doc = Doc.parse("A thing.\n\n`a`: first\nline. `b`, `c`: others.")
    assert (doc.text, doc.fields) == ("A thing.", {"a": "first line.", "b": "others.", "c": "others."})


def test_links_out_of_the_docs_lead_to_the_repository() -> None:
    source = project_urls()["Source"]
    text = "[a](../README.md) [b](index.md#x) [c](../src) [d](../CHANGELOG.md) [e](https://x.org) [f](#g)"
    assert site_links(text, ROOT / "docs", ROOT / "docs") == (
        f"[a]({source}/blob/main/README.md) [b](index.md#x) [c]({source}/tree/main/src) [d](changelog.md) "
        "[e](https://x.org) [f](#g)"
    )


def test_llms_txt_lists_every_page_of_the_navigation() -> None:
    text = FILES[ROOT / "docs" / "llms.txt"]
    assert text.startswith("# prettyuseful\n\n> ")
    assert len(re.findall(r"^- \[[^]]+\]\([^)]*\)", text, re.MULTILINE)) == len(list(navigation()))


def test_citation_file_agrees_with_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (paper,) = citation["references"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == citation["preferred-citation"]["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert (citation["repository-code"], citation["url"]) == (
        project["urls"]["Source"],
        project["urls"]["Documentation"],
    )
    assert paper["url"] == project["urls"]["Paper"] == LINK
    assert paper["title"] in CITATION
    assert [author["family-names"] for author in paper["authors"]] == CITATION.split(":")[0].split(", ")
