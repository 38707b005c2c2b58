"""Short YAML and JSON that would cost much memory or time without limits; prints what each costs to read."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import partial

from tests.measuring import report

from prettyuseful.errors import UserError
from prettyuseful.study.reading import parse_study
from prettyuseful.untrusted_text import load_json

_HEAD = "version: 1\ntask: photos\ndatasets: "
_MERSENNE = 2**61 - 1  # Python's hash of every multiple is 0


def _levels(first: str, later: Callable[[int], str], count: int) -> str:
    return first + "".join(f"a{n}: &a{n} {later(n)}\n" for n in range(1, count))


def _nine(number: int) -> str:
    return ", ".join([f"*a{number - 1}"] * 9)


# By kind: a study file, and words of the message.
YAML: dict[str, tuple[Callable[[], str], str]] = {
    "aliases, 9 of the level below": (
        lambda: _levels("a0: &a0 [x]\n", lambda n: f"[{_nine(n)}]", 12),
        "with its aliases",
    ),
    "aliases as values": (
        lambda: _levels("a0: &a0 {k: v}\n", lambda n: f"{{p: *a{n - 1}, q: *a{n - 1}}}", 60),
        "with its aliases",
    ),
    "merge keys, 9 of the level below": (
        lambda: _levels("a0: &a0 {k: 1}\n", lambda n: f"{{<<: [{_nine(n)}]}}", 12),
        "with its aliases",
    ),
    "merge keys, one mapping in 2,000 others": (
        lambda: (
            "a: &a {"
            + ", ".join(f"k{n}: 1" for n in range(2_000))
            + "}\n"
            + "".join(f"b{n}: {{<<: *a}}\n" for n in range(2_000))
        ),
        "with its aliases",
    ),
    "merge keys in a chain": (lambda: _levels("a0: &a0 {k: 1}\n", lambda n: f"{{<<: *a{n - 1}}}", 5_000), "100 levels"),
    "an alias that contains itself": (lambda: "a: &a [*a]", "an alias that contains itself"),
    "a merge key that contains itself": (lambda: "&a {<<: *a}", "an alias that contains itself"),
    "100,000 brackets": (lambda: "[" * 100_000, "100 levels"),
    "100,000 braces": (lambda: "{a: " * 100_000, "100 levels"),
    "100,000 dashes": (lambda: "- " * 100_000, "100 levels"),
    "100 MB": (lambda: "x: y\n" * 20_000_000, "too long (limit 500,000 bytes)"),
    "240,000 values": (lambda: "[" + "a," * 240_000 + "]", "more than 30,000 values"),
    "a number of 50,000 digits": (lambda: _HEAD + "{a: {seed: 0x" + "f" * 50_000 + "}}", "more than 100 digits"),
    "a number of base 60": (lambda: _HEAD + "{a: {seed: 1" + ":59" * 150_000 + "}}", "more than 100 digits"),
    "keys with equal hash values": (
        lambda: "{" + ", ".join(f"{n * _MERSENNE}: 1" for n in range(1, 13_000)) + "}",
        "more than 15 digits",
    ),
    "14,000 unknown keys": (
        lambda: _HEAD + "{a: {generator: pocket-base}}\n" + "".join(f"k{n}: 1\n" for n in range(14_000)),
        "unknown key 'k0'",
    ),
    "7,000 data sets with a problem each": (
        lambda: _HEAD + "{" + ", ".join(f"d{n}: {{generator: x}}" for n in range(7_000)) + "}",
        "images_per_class is missing",
    ),
    "25,000 unknown metrics": (
        lambda: "metrics: [" + ", ".join(f"m{n}" for n in range(25_000)) + "]\n" + _HEAD + "{}",
        "metrics.0",
    ),
    "a key of 400 kB": (lambda: "? " + "k" * 400_000 + "\n: 1\n", "unknown key 'kkk"),
    "a tag of 400 kB": (lambda: "!" + "a" * 400_000, "not valid YAML"),
    "a Python object": (lambda: "!!python/object/apply:os.system [id]", "not valid YAML"),
    "a control character": (lambda: "a: \0", "not valid YAML"),
    "a date that does not exist": (lambda: "a: 2001-99-99", "not valid YAML"),
}

# By kind: a JSON text, and words of the message, or "" where it is read.
JSON: dict[str, tuple[Callable[[], str], str]] = {
    "100,000 brackets": (lambda: "[" * 100_000, "nested too deeply"),
    "100,000 braces": (lambda: '{"a":' * 100_000, "nested too deeply"),
    "a number of a million digits": (lambda: "1" * 1_000_000, "not valid JSON"),
    "20 MB": (lambda: '["' + "x" * 20_000_000 + '"]', "too long (limit 16,000,000 bytes)"),
    "5 million empty lists": (lambda: "[" + "[]," * 5_000_000 + "[]]", ""),
    "a text without end": (lambda: '["' + "x" * 1_000_000, "not valid JSON"),
    "bytes that are no text": (lambda: '"\udcff"', "not valid JSON"),
}


def _read_study(data: bytes) -> object:
    return parse_study(data.decode(), "study.yaml")


def _read_json(data: bytes) -> object:
    try:
        return load_json(data)
    except ValueError as error:
        raise UserError(str(error)) from None


def main() -> None:
    inputs, read = {"yaml": (YAML, _read_study), "json": (JSON, _read_json)}[sys.argv[1]]
    with contextlib.suppress(UserError):
        read(b"{}")  # imports what reading needs
    report({name: partial(_encoded, make) for name, (make, _) in inputs.items()}, read)


def _encoded(make: Callable[[], str]) -> bytes:
    return make().encode("utf-8", "surrogateescape")


if __name__ == "__main__":
    main()
