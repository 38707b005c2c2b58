from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.commands import call_here, one_error
from tests.hostile_text import JSON, YAML

from prettyuseful.untrusted_text import (
    UnreadableTextError,
    load_exact_json,
    load_json,
    load_yaml,
    load_yaml_tree,
    read_bytes,
    read_text,
)

ROOT = Path(__file__).parents[1]


@pytest.mark.integration
@pytest.mark.parametrize("group", ["yaml", "json"])
def test_hostile_texts_cost_little(group: str) -> None:
    cases = {"yaml": YAML, "json": JSON}[group]
    command = [sys.executable, "-m", "tests.hostile_text", group]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    results: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["name"] for result in results] == list(cases)
    for result in results:
        name, message, words = result["name"], result["message"], cases[result["name"]][1]
        assert not result["crash"], f"{name}: {message}"
        assert bool(message) == bool(words), f"{name}: {message}"
        assert words in (message or ""), f"{name}: {message}"
        assert len(message or "") < 600, name
        assert "\n" not in (message or ""), name
        assert result["memory"] < 1 << 30, f"{name}: {result['memory']:,} bytes"
        assert result["seconds"] < 5, f"{name}: {result['seconds']:.1f} s"


def test_aliases_and_merge_keys_of_honest_files_are_read() -> None:
    text = "base: &base {steps: 2, seed: 0}\nruns:\n- {<<: *base, seed: 1}\n- *base\n"
    runs = load_yaml(text)["runs"]
    assert runs == [{"steps": 2, "seed": 1}, {"steps": 2, "seed": 0}]


def test_lines_are_those_of_the_text() -> None:
    content, tree = load_yaml_tree("a: 1\nb:\n  c: 2\n")
    assert content == {"a": 1, "b": {"c": 2}}
    assert tree is not None
    assert tree.value[1][1].value[0][0].start_mark.line == 2


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: [", 2, "not valid YAML"),
        ("a: 1\na: 2", 2, "duplicate key 'a'"),
        ("a: 1\nb: {c: 1, c: 2}", 2, "duplicate key 'c'"),
        ("a: \x07", None, "not valid YAML"),
    ],
)
def test_problems_of_yaml_have_their_line(text: str, line: int | None, problem: str) -> None:
    with pytest.raises(UnreadableTextError) as error:
        load_yaml(text)
    assert error.value.line == line
    assert problem in error.value.problem
    assert "\n" not in str(error.value)


def test_an_empty_text_is_nothing() -> None:
    assert load_yaml("") is None
    assert load_yaml("# a comment\n") is None


def test_long_lists_of_classes_are_read() -> None:
    """ImageNet has 21,841 of them."""
    assert len(load_yaml("classes: [" + ", ".join(f"name {n}" for n in range(21_841)) + "]")["classes"]) == 21_841


def test_json_is_read_from_text_and_bytes() -> None:
    assert load_json('{"a": [1, null]}') == load_json(b'{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"a": [1, {"b": NaN}]}', "a.1.b is nan, which is not a finite number"),
        (b'{"a": -Infinity}', "a is -inf, which is not a finite number"),
        (b'{"a": 1e400}', "a is inf, which is not a finite number"),
        (b"[1" + b"0" * 30 + b"]", "0 is a number of more than 18 digits"),
        (b"1" * 5000, "a number of thousands of digits"),
        (b'{"a": {"b": 1, "b": 2}}', "duplicate key 'b'"),
        (b"[" * 100_000, "nested too deeply"),
        (b"NaN" + b"[" * 900, "nested too deeply|not valid JSON"),
        (b'["\xe9"]', "not UTF-8 text"),
        ('["a"]'.encode("utf-16"), "not UTF-8 text"),
        (b'\xef\xbb\xbf["a"]', "not valid JSON"),
        (b"[" + b"[]," * 2_000_000 + b"[]]", "more than 2,000,000 lists and mappings"),
        (b"", "not valid JSON"),
    ],
    ids=range(13),
)
def test_exact_json_has_finite_numbers_and_each_key_once(text: bytes, problem: str) -> None:
    with pytest.raises(UnreadableTextError, match=problem) as error:
        load_exact_json(text)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


def test_unusual_text_and_numbers_of_exact_json_are_read() -> None:
    text = b'{"NaN": "Infinity 1e999", "a": [1e300, 1.2345678901234567890123, 123456789012345678, null]}'
    assert load_exact_json(text) == json.loads(text)


def test_only_regular_files_of_some_length_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"\xff" * 10)
    assert read_bytes(tmp_path / "file", 10) == b"\xff" * 10
    with pytest.raises(UnreadableTextError, match=r"too long \(limit 9 bytes\)"):
        read_bytes(tmp_path / "file", 9)
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UnreadableTextError, match="not a regular file"):
            read_bytes(path, 10)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "missing", 10)


def test_files_are_read_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("é".encode() * 5)
    assert read_text(path, 10) == "é" * 5
    with pytest.raises(UnreadableTextError, match=r"too long \(limit 9 bytes\)"):
        read_text(path, 9)
    with pytest.raises(UnreadableTextError, match="too long"):
        read_text(Path("/dev/zero"), 1_000)
    path.write_bytes(b"\xff")
    with pytest.raises(UnreadableTextError, match="not UTF-8"):
        read_text(path, 9)


BOMB = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "bomb.yaml"], "bomb.yaml:6: more than 30,000 values"),
        (["plan", "brackets.yaml"], "brackets.yaml:1: nested more than 100 levels deep"),
        (["generate", "pocket-base", "--images-per-class", "1", "--out", "o", "--task", BOMB], "--task: more than"),
        (
            ["generate", "pocket-base", "--images-per-class", "1", "--out", "o", "--prompts", "[" * 5_000],
            "--prompts: nested",
        ),
        (["generate", "model", "--images-per-class", "1", "--out", "o"], "model_index.json"),
    ],
)
def test_hostile_texts_are_one_line_and_exit_code_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(BOMB)
    (tmp_path / "brackets.yaml").write_text("[" * 100_000)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text("[" * 100_000)
    done = call_here(*arguments, cwd=tmp_path)
    assert words in one_error(done)
    assert done.stderr.count("\n") == 1


def test_the_keys_on_off_yes_and_no_are_text_and_values_are_not() -> None:
    assert load_yaml("on: real\nNo: off\nyes: [on]\ntrue: 1") == {"on": "real", "No": False, "yes": [True], True: 1}
