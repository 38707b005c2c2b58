"""Hooks of MkDocs: addresses come from pyproject.toml, the changelog from CHANGELOG.md."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(\]\()(?!https?:|mailto:|#|/)([^)#\s]+)((?:#[^)\s]*)?\))")


def project_urls() -> dict[str, str]:
    """Return the addresses of the project, which pyproject.toml holds and nothing else repeats."""
    urls: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    return urls


def on_config(config: Any) -> Any:
    """Set the address of the site and the link to the source code in its footer."""
    urls = project_urls()
    config.site_url = urls["Documentation"]
    config.extra["social"] = [{"icon": "fontawesome/brands/github", "link": urls["Source"], "name": "Source code"}]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the changelog of the repository as a page."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    files.append(File.generated(config, "changelog.md", content=site_links(text, ROOT, ROOT / "docs")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Turn links to files outside docs/ into links to the repository; hide the empty side bar of single pages."""
    if page.parent is None:
        page.meta.setdefault("hide", ["navigation"])
    folder = (ROOT / "docs" / page.file.src_uri).parent
    return site_links(markdown, folder, folder)


def site_links(markdown: str, source: Path, target: Path) -> str:
    """Return Markdown of the folder `source` with links that work from `target`, a folder of docs/.

    Links to files outside docs/ lead to the repository, except the changelog, which is a page of the site.
    """

    def replace(match: re.Match[str]) -> str:
        path = (source / match[2]).resolve()
        if path == ROOT / "CHANGELOG.md":
            path = ROOT / "docs" / "changelog.md"
        elif not path.is_relative_to(ROOT / "docs"):
            kind = "tree" if path.is_dir() else "blob"
            address = f"{project_urls()['Source']}/{kind}/main/{path.relative_to(ROOT).as_posix()}"
            return f"{match[1]}{address}{match[3]}"
        return f"{match[1]}{Path(os.path.relpath(path, target)).as_posix()}{match[3]}"

    return _LINK.sub(replace, markdown)
