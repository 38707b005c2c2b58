"""The commands list and schema."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.cli.commands import call_here, one_error

from prettyuseful.cli.reference import NameKind
from prettyuseful.names import KINDS


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("generators", "pocket-turbo"),
        ("tasks", "photos"),
        ("prompts", "caption"),
        ("architectures", "small"),
        ("architectures", "swin_tiny_patch4_window7_224"),
        ("encoders", "real-trained"),
        ("transforms", "vae"),
        ("recipes", "small"),
        ("probes", "rgb"),
        ("metrics", "coverage"),
        ("studies", "paper-in-small"),
    ],
)
def test_list_prints_every_kind_of_names(kind: str, name: str) -> None:
    assert name in call_here("list", kind).stdout
    assert name in json.loads(call_here("list", kind, "--json").stdout)


def test_list_mentions_names_beyond_the_table() -> None:
    assert "any timm id can be used" in call_here("list", "architectures").stdout
    assert "any timm id" in call_here("list", "encoders").stdout
    assert re.search(r"by a transform, .*: .*\bvae\b", call_here("list", "probes").stdout)


def test_list_describes_a_user_defined_object(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from prettyuseful.encoders.table import EncoderRow\n"
        "MEAN = EncoderRow('mean', 'mean colour', lambda *_: None)\n"
    )
    listed = json.loads(call_here("list", "encoders", "mine.py:MEAN", "--json", cwd=tmp_path).stdout)
    assert listed["mine.py:MEAN"] == "mean: mean colour"
    assert "inception" in listed
    assert "did you mean 'MEAN'?" in one_error(call_here("list", "encoders", "mine.py:MEEN", cwd=tmp_path))
    assert "unknown encoder 'mine'" in one_error(call_here("list", "encoders", "mine", cwd=tmp_path))


def test_list_contains_the_models_of_the_paper() -> None:
    papers = (
        "sd-1.5 sd-2.1 sdxl sdxl-turbo sd3-medium sd3.5-medium sd3.5-large sd3.5-large-turbo flux.1-dev flux.1-schnell "
        "sana-1.6b lumina-2.0 qwen-image"
    )
    printed = {line.split()[0] for line in call_here("list", "generators").stdout.splitlines() if line.strip()}
    assert len(papers.split()) == 13
    assert set(papers.split()) <= printed


def test_generators_are_filtered() -> None:
    filters = ("--family", "flux2kleinpipeline", "--released-after", "2025-12", "--licence", "apache")
    listed = json.loads(call_here("list", "generators", *filters, "--json").stdout)
    assert list(listed) == ["flux.2-klein-4b", "flux.2-klein-base-4b"]
    assert listed["flux.2-klein-base-4b"].endswith("licence: Apache-2.0; not checked: path_or_id")
    assert call_here("list", "generators", "--licence", "no such").stdout == "no generator fits\n"
    assert json.loads(call_here("list", "generators", "--licence", "no such", "--json").stdout) == {}


def test_filters_are_for_generators_only() -> None:
    message = one_error(call_here("list", "tasks", "--licence", "mit"))
    assert message == "error: --licence does not apply to tasks; it filters `list generators`"
    assert "did you mean 'flux'?" in one_error(call_here("list", "generators", "--family", "fluxx"))


def test_an_unknown_kind_of_names_suggests_the_nearest_one() -> None:
    assert "did you mean 'generators'" in one_error(call_here("list", "generatrs"))


def test_schema_prints_json() -> None:
    assert json.loads(call_here("schema").stdout)["title"] == "Study"


def test_the_choices_are_those_of_the_names_module() -> None:
    assert tuple(NameKind) == KINDS
