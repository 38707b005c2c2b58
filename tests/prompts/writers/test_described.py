from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from prettyuseful.errors import StepFailedError
from prettyuseful.prompts.writers.base import DEFAULT_INSTRUCTION, FOCUSES, WritingRequest
from prettyuseful.prompts.writers.described import DescribedClass, describe_class


class Script:
    """Answers with the given texts in turn, and then with the last one."""

    def __init__(self, *answers: str) -> None:
        self.planned, self.requests = list(answers), list[WritingRequest]()

    def applied(self) -> dict[str, object]:
        return {}

    def answers(self, requests: Sequence[WritingRequest]) -> list[str]:
        self.requests += requests
        return [self.planned.pop(0) if len(self.planned) > 1 else self.planned[0] for _ in requests]


def lines(*numbers: int, name: str = "cat") -> str:
    return "\n".join(f"{number}. a{number} b{number} {name} c{number} d{number}" for number in numbers)


def describe(writer: Script, count: int, words: str = "cat") -> DescribedClass:
    return describe_class(writer, words, count, DEFAULT_INSTRUCTION, 7)


def test_prompts_are_the_lines_of_the_answers_in_order() -> None:
    writer = Script(lines(*range(10)), lines(10, 11, 12))
    made = describe(writer, 12)
    assert made.prompts[:2] == ("a0 b0 cat c0 d0", "a1 b1 cat c1 d1")
    assert (len(made.prompts), made.requests, made.left_out) == (12, 2, {})
    first, second = writer.requests
    assert 'contains the words "cat"' in first.text
    assert "Write 10 different prompts" in first.text
    assert (FOCUSES[0] in first.text, FOCUSES[1] in second.text) == (True, True)
    assert 0 <= first.seed < 2**31
    assert first.seed != second.seed


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n["a red cat sleeps on a sofa", "one cat in deep snow, from above"]\n```',
        "Sure! Here are two prompts:\n\n1. A red cat sleeps on a sofa\n2) **One cat in deep snow, from above**",
        '<think>cat? a big cat is fun</think>- "A red cat sleeps on a sofa"\n- One cat in deep snow, from above',
        "\u2022 A red cat sleeps on a sofa\r\n\r\n\u2022 One cat in deep snow, from above\n\nI hope this helps!",
    ],
)
def test_lists_of_all_kinds_are_read(answer: str) -> None:
    made = describe(Script(answer), 2)
    assert [prompt.lower() for prompt in made.prompts] == [
        "a red cat sleeps on a sofa",
        "one cat in deep snow, from above",
    ]


def test_lines_that_are_no_prompts_are_left_out_and_asked_for_again() -> None:
    bad = [
        "a dog in the deep snow",
        "a cat",
        "cat " * 121,
        "I'm sorry, I can't write about a cat.",
        "...",
        "a concatenation",
    ]
    writer = Script("\n".join([*bad, lines(1)]), lines(1, 2, 3))
    made = describe(writer, 3)
    assert len(made.prompts) == 3
    assert made.left_out == {
        "without the name of the class": 2,
        "too short or too long": 2,
        "refusals": 1,
        "without words": 1,
        "repeats": 1,
    }


@pytest.mark.parametrize(
    ("words", "prompt", "is_named"),
    [
        ("golden retriever", "two Golden-Retrievers in a wide green field", True),
        ("golden retriever", "a retriever that is golden in a field", False),
        ("bus", "three old buses in a long queue", True),
        ("cat", "a caterpillar on a large green leaf", False),
        ("C++ book", "an open C++ book on a desk", True),
        ("\u732b", "\u4e00\u53ea\u732b \u5728 \u96ea\u5730 \u91cc", True),
    ],
)
def test_the_words_of_the_class_must_occur(words: str, prompt: str, is_named: bool) -> None:
    if is_named:
        assert describe(Script(prompt), 1, words).prompts == (prompt,)
    else:
        with pytest.raises(StepFailedError, match="without the name of the class"):
            describe(Script(prompt), 1, words)


def test_a_prompt_repeats_another_one_if_half_of_their_grams_are_shared() -> None:
    """Ten words have eight 3-grams; with the last k words changed, 8 - k are shared and 8 + k different."""
    base = [f"w{i}" for i in range(9)]
    first = " ".join(["cat", *base])
    near, far = (" ".join(["cat", *base[: 9 - k], *(f"x{i}" for i in range(k))]) for k in (2, 3))  # 6/10 and 5/11
    made = describe(Script("\n".join([first, near, far])), 2)
    assert made.prompts == (first, far)
    assert made.left_out == {"repeats": 1}


def test_too_few_prompts_are_one_line_after_four_rounds() -> None:
    writer = Script("I'm sorry, but I can't help with that.")
    with pytest.raises(StepFailedError) as error:
        describe(writer, 25)
    assert len(writer.requests) == 12
    assert str(error.value) == (
        "only 0 of 25 prompts of 'cat' after 12 requests; left out: 12 refusals; ask for fewer (per_class), raise "
        "temperature, change instruction, or give another model"
    )


@pytest.mark.parametrize("answer", ["", "[" * 10_000, '["a", 1]', "\x00\x1b[31m", "[]"])
def test_garbage_is_no_prompt(answer: str) -> None:
    with pytest.raises(StepFailedError, match="only 0 of 1 prompts"):
        describe(Script(answer), 1)


def test_a_list_in_json_may_hold_line_breaks() -> None:
    assert describe(Script(json.dumps(["a red cat\nsleeps on a sofa"])), 1).prompts == ("a red cat sleeps on a sofa",)
