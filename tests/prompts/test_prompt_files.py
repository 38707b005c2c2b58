from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from prettyuseful.errors import DataError
from prettyuseful.prompts.prompt_files import cycle_equally, prompts_of_classes, read_prompt_file


def read(tmp_path: Path, text: str | bytes, name: str = "prompts.csv") -> dict[str, list[str]]:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_prompt_file(path)


def test_prompts_are_read_in_order_with_quotes_and_line_breaks(tmp_path: Path) -> None:
    text = '\ufeffclass,prompt\r\ncat,"a cat, ""asleep"""\ndog,a dog\n\ncat," a \n big  cat "\n'
    assert read(tmp_path, text) == {"cat": ['a cat, "asleep"', "a big cat"], "dog": ["a dog"]}
    assert read(tmp_path, "prompt,class\na cat,cat") == {"cat": ["a cat"]}


def test_json_lines_hold_the_same(tmp_path: Path) -> None:
    text = '{"class": "cat", "prompt": "a cat"}\n\n{"prompt": "ein Bär", "class": "bear"}'
    assert read(tmp_path, text, "prompts.JSONL") == {"cat": ["a cat"], "bear": ["ein Bär"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the first line must be class,prompt, got ''; add it"),
        ("cat,a cat", ":1: the first line must be class,prompt, got 'cat,a cat'"),
        ("class,promt\ncat,a", "got 'class,promt'; did you mean 'prompt'?; add it"),
        ("class,prompt", "holds no prompts; add at least one for each class"),
        ("class,prompt\ncat", ":2: 1 cells instead of 2"),
        ("class,prompt\ncat,a cat, asleep", ":2: 3 cells instead of 2; put a prompt with commas in double quotes"),
        ("class,prompt\ncat, ", ":2: the prompt is empty"),
        ("class,prompt\n ,a cat", ":2: the class is empty"),
        ('class,prompt\ncat,"a" b', ":2: broken CSV"),
        ('class,prompt\ncat,"never closed', "broken CSV"),
        (b"class,prompt\ncat,\xe4", "not UTF-8 text; save it as UTF-8"),
        ("class,prompt\ncat,a cat".encode("utf-16"), "not UTF-8 text; save it as UTF-8"),
        (f"class,prompt\ncat,{'x' * 10_001}", ":2: the prompt is too long (limit 10,000 characters)"),
        ("x" * 8_000_001, "the file is too long (limit 8,000,000 bytes)"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", ":1: not valid JSON"),
        ('\n["cat", "a"]', ":2: expected"),
        ('{"class": "cat"}', ":1: expected"),
        ('{"class": "cat", "prompt": 3}', ":1: class and prompt must be texts"),
    ],
)
def test_what_is_wrong_with_json_lines_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, text, "prompts.jsonl")
    assert message in str(error.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the prompts .*none\.csv: No such file or directory; check its p"):
        read_prompt_file(tmp_path / "none.csv")


def test_classes_are_named_by_name_or_in_words() -> None:
    words = {"n01": "tench"}
    given = {"cat": ["a"], "tench": ["b"], "n01": ["c"]}
    assert prompts_of_classes(given, ("n01", "cat"), words, "p.csv") == [["b", "c"], ["a"]]
    with pytest.raises(DataError, match=r"p\.csv: 'cut' is not a class of the task; did you mean 'cat'\?; corr"):
        prompts_of_classes({"cut": ["a"]}, ("cat",), {}, "p.csv")
    with pytest.raises(DataError, match=r"p\.csv has no prompt of the class 'dog' and 1 more classes; add"):
        prompts_of_classes({"cat": ["a"]}, ("cat", "dog", "cow"), {}, "p.csv")


def test_unequal_numbers_of_prompts_are_cycled_within_each_class() -> None:
    assert cycle_equally([["a", "b"], ["x", "y", "z"]]) == [["a", "b"] * 3, ["x", "y", "z"] * 2]
    assert cycle_equally([["a"], ["x", "y"]]) == [["a", "a"], ["x", "y"]]
    assert cycle_equally([["a", "b"], ["x", "y"]]) == [["a", "b"], ["x", "y"]]
    sizes = (7, 11, 13, 17)
    cycled = cycle_equally([[str(i) for i in range(size)] for size in sizes])
    assert {len(prompts) for prompts in cycled} == {1000}
    for prompts in cycled:
        counts = Counter(prompts).values()
        assert max(counts) - min(counts) <= 1
    assert len(cycle_equally([[""] * 1501, [""] * 2])[1]) == 1501
