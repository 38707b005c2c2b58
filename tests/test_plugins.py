"""User-defined classes: import from a file or module, and fingerprint of their source."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.plugins import is_plugin, load_plugin, plugin_fingerprint, plugin_id, resolve_plugin_path


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in an empty folder, and unload the modules that the test has imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, text: str = "class Gen:\n    word = 'hello'\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refusal(name: str) -> str:
    with pytest.raises(UnknownNameError) as error:
        load_plugin(name)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gen:Gen", True),
        ("pack.gen:Gen", True),
        ("gen.py:Gen", True),
        ("/some/where/gen.py:Gen", True),
        ("~/gen.py:Gen", True),
        ("C:\\gens\\gen.py:Gen", True),
        ("/my gens (new)/gén+.py:Gen", True),
        ("sd-1.5", False),
        ("owner/name", False),
        ("owner/name@main", False),
        ("/some/folder", False),
        ("gen:", False),
        (":Gen", False),
        ("gen:Gen.sub", False),
        ("gen:2", False),
        ("a b:Gen", False),
        ("", False),
    ],
)
def test_is_plugin_recognises_module_and_file_names(name: str, expected: bool) -> None:
    assert is_plugin(name) == expected


@pytest.mark.parametrize("name", ["gen:Gen", "gen.py:Gen", "./gen.py:Gen", "{here}/gen.py:Gen"])
def test_a_class_in_the_working_folder_is_imported(tmp_path: Path, name: str) -> None:
    write(tmp_path / "gen.py")
    assert load_plugin(name.format(here=tmp_path)).word == "hello"


def test_a_class_in_a_package_is_imported(tmp_path: Path) -> None:
    write(tmp_path / "pack" / "deep" / "gen.py")
    assert load_plugin("pack.deep.gen:Gen").word == "hello"


def test_a_file_in_the_home_folder_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "my gens" / "gen.py")
    assert load_plugin("~/my gens/gen.py:Gen").word == "hello"


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path / "far" / "words_of_gen.py", "WORD = 'neighbour'")
    gen = write(tmp_path / "far" / "gen.py", "from words_of_gen import WORD\nclass Gen:\n    word = WORD\n")
    assert load_plugin(f"{gen}:Gen").word == "neighbour"


def test_a_file_of_a_package_may_import_from_it(tmp_path: Path) -> None:
    """Like `pack.inner.gen:Gen` in a study after its paths are resolved."""
    write(tmp_path / "pack" / "__init__.py", "")
    write(tmp_path / "pack" / "words.py", "WORD = 'above'")
    write(tmp_path / "pack" / "inner" / "__init__.py", "")
    write(tmp_path / "pack" / "inner" / "gen.py", "from ..words import WORD\nclass Gen:\n    word = WORD\n")
    resolved = resolve_plugin_path("pack.inner.gen:Gen", tmp_path)
    assert resolved == f"{tmp_path}/pack/inner/gen.py:Gen"
    assert load_plugin(resolved).word == load_plugin("pack.inner.gen:Gen").word == "above"


def test_files_with_the_same_name_are_different_modules(tmp_path: Path) -> None:
    names = [f"{write(tmp_path / word / 'gen.py', f'class Gen: word = {word!r}')}:Gen" for word in ("one", "two")]
    assert [load_plugin(name).word for name in names] == ["one", "two"]
    assert len({plugin_fingerprint(name) for name in names}) == 2


def test_a_file_may_have_the_name_of_a_known_module(tmp_path: Path) -> None:
    assert load_plugin(f"{write(tmp_path / 'json.py')}:Gen").word == "hello"
    assert hasattr(sys.modules.get("json"), "dumps")


def test_an_edited_file_is_imported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, as in a notebook. Same second and length: Python would reuse its cached bytecode."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    name = f"{write(tmp_path / 'gen.py', 'class Gen: word = 1')}:Gen"
    os.utime(tmp_path / "gen.py", (1e9, 1e9))
    assert load_plugin(name).word == 1
    assert load_plugin(name) is load_plugin(name)
    before = plugin_fingerprint(name)
    write(tmp_path / "gen.py", "class Gen: word = 2")
    os.utime(tmp_path / "gen.py", (1e9, 1e9))
    assert load_plugin(name).word == 2
    assert plugin_fingerprint(name) != before


def test_a_missing_module_or_file_is_reported_with_a_remedy() -> None:
    assert "no module 'gen' for 'gen:Gen'; run in the folder that contains it" in refusal("gen:Gen")
    assert "no file gen.py for 'gen.py:Gen'; check the path" in refusal("gen.py:Gen")


@pytest.mark.parametrize("name", ["gen:Ben", "gen.py:Ben"])
def test_a_missing_attribute_suggests_the_nearest_one(tmp_path: Path, name: str) -> None:
    write(tmp_path / "gen.py")
    assert "has no 'Ben'; did you mean 'Gen'?" in refusal(name)


@pytest.mark.parametrize("name", ["gen:Gen", "gen.py:Gen"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_thing", "No module named 'no_such_thing'; install the missing package"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise OSError('no\\n  weights')", "OSError: no weights"),
        ("class Gen", "SyntaxError"),
    ],
)
def test_an_import_error_is_reported_with_its_cause(tmp_path: Path, name: str, text: str, words: str) -> None:
    write(tmp_path / "gen.py", text)
    assert words in refusal(name)
    assert words in refusal(name), "a second try must not find half a module"


@pytest.mark.parametrize("name", ["gen:Gen", "gen.py:Gen"])
def test_the_fingerprint_depends_on_source_and_class(tmp_path: Path, name: str) -> None:
    def fingerprint(text: str, plugin: str = name) -> str:
        write(tmp_path / "gen.py", text)
        for module in [module for module in sys.modules if module.startswith("gen")]:
            del sys.modules[module]
        return plugin_fingerprint(plugin)

    first = fingerprint("class Gen: version = 1\nclass Other: version = 1")
    assert first == fingerprint("class Gen: version = 1\nclass Other: version = 1")
    assert first != fingerprint("class Gen: version = 1\nclass Other: version = 1\n# a note")
    assert first != fingerprint("class Gen: version = 1\nclass Other: version = 1", plugin=name.replace("Gen", "Other"))


def test_the_fingerprint_depends_on_the_version_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "gen.py")
    before = plugin_fingerprint("gen.py:Gen")
    monkeypatch.setattr(load_plugin("gen.py:Gen"), "version", "weights of May", raising=False)
    assert plugin_fingerprint("gen.py:Gen") != before


def test_the_fingerprint_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    one, two = (write(tmp_path / folder / "gen.py") for folder in ("one", "two"))
    assert plugin_fingerprint(f"{one}:Gen") == plugin_fingerprint(f"{two}:Gen")


def test_a_class_without_a_file_has_no_fingerprint() -> None:
    with pytest.raises(DataError, match="'sys:int_info' has no source file"):
        plugin_fingerprint("sys:int_info")


def test_a_relative_name_is_resolved_to_the_file_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "studies" / "gen.py")
    folder = tmp_path / "studies"
    absolute = f"{folder}/gen.py:Gen"
    assert resolve_plugin_path("gen:Gen", folder) == resolve_plugin_path("gen.py:Gen", folder) == absolute
    assert resolve_plugin_path("../studies/gen.py:Gen", folder) == resolve_plugin_path(absolute, Path("/")) == absolute
    assert is_plugin(absolute)
    assert resolve_plugin_path("installed.gen:Gen", folder) == "installed.gen:Gen"


def test_the_id_does_not_contain_the_folder() -> None:
    assert plugin_id("/home/someone/gen.py:Gen") == "gen:Gen"
    assert plugin_id("pack.gen:Gen") == "pack.gen:Gen"
