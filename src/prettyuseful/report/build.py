from __future__ import annotations

from pathlib import Path


def write_report(summary, path: Path) -> Path:
    path.write_text("<html></html>")
    return path
