"""What the headers of safetensors files say, read without their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prettyuseful.errors import DataError
from prettyuseful.untrusted_text import UnreadableTextError, load_json

Header = Mapping[str, tuple[int, ...]]
"""The names of the tensors of a safetensors file, and their shapes."""
_MAX_HEADER = 1 << 25  # bytes


def read_header(path: Path, name: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the tensors of a safetensors file, without reading these.

    Raises:
        DataError: it is no safetensors file, or cut off; `name` is that in the message.
    """
    try:
        with path.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            if not 0 < size <= _MAX_HEADER:
                raise UnreadableTextError("its first bytes are not the size of a header")
            entries = dict(load_json(opened.read(size)))
        entries.pop("__metadata__", None)
        ends = [int(entry["data_offsets"][1]) for entry in entries.values()]
        shapes = {str(key): tuple(int(length) for length in entry["shape"]) for key, entry in entries.items()}
        if (missing := 8 + size + max(ends, default=0) - path.stat().st_size) > 0:
            raise UnreadableTextError(f"it is cut off: {missing:,} bytes are missing")
        return shapes
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from error
    except (UnreadableTextError, ValueError, TypeError, LookupError) as error:
        raise DataError(f"{name}: not a safetensors file ({error}); download it again") from error
