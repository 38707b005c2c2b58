"""Varied prompts of one class from the answers of a writer: parsed, checked, without repeats."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import StepFailedError, join_names
from prettyuseful.prompts.captioners.answers import clean_caption, without_thoughts
from prettyuseful.prompts.diversity import Grams, grams_of, overlap_of
from prettyuseful.prompts.writers.base import FOCUSES, Writer, WritingRequest

PROMPTS_PER_REQUEST = 10
"""Prompts that one request asks for."""
MAX_OVERLAP = 0.5
"""A prompt repeats another one if they share at least this share of their word 3-grams (Jaccard index)."""
_ROUNDS = 4  # the most times that missing prompts are asked for
_MAX_WORDS = 120  # more is a story, or a list without line breaks
_LEAST_OWN_WORDS = 2  # beside the name of the class
_NUMBERING = re.compile(r"\s*(?:[-*\u2022\u2013]|\(?\d{1,3}[.):])\s+")


@dataclass(frozen=True)
class DescribedClass:
    """The prompts of a class, the number of requests, and how many lines were left out for which reason."""

    prompts: tuple[str, ...]
    requests: int
    left_out: dict[str, int]


def describe_class(writer: Writer, words: str, count: int, instruction: str, seed: int) -> DescribedClass:
    """Return `count` different prompts for a class. What is missing after an answer is asked for again, up to four
    times.

    Args:
        writer: answers the requests.
        words: what prompts say for the class; every prompt contains them.
        count: number of prompts.
        instruction: see `DEFAULT_INSTRUCTION`.
        seed: of the requests; the seed of each also depends on the class and its number.

    Raises:
        StepFailedError: there are too few different prompts in the answers; the message says what the others were.
        UserError: the writer is set up wrongly.
    """
    kept: dict[str, Grams] = {}
    left_out: Counter[str] = Counter()
    number = 0
    for _ in range(_ROUNDS):
        missing = count - len(kept)
        if not missing:
            break
        requests = []
        for _ in range(-(-missing // PROMPTS_PER_REQUEST)):
            text = instruction.replace("{focus}", FOCUSES[number % len(FOCUSES)])
            text = text.replace("{count}", str(PROMPTS_PER_REQUEST)).replace("{class}", words)
            requests.append(WritingRequest(text, derive_seed(seed, words, "", number) >> 32, f"{words!r}, {number}"))
            number += 1
        for answer in writer.answers(requests):
            _keep_lines(answer, words, kept, left_out)
    if len(kept) < count:
        reasons = [f"{lines} {reason}" for reason, lines in left_out.most_common()]
        raise StepFailedError(
            f"only {len(kept)} of {count} prompts of {words!r} after {number} requests; left out: "
            f"{join_names(reasons) or 'nothing'}; ask for fewer (per_class), raise temperature, change instruction, or "
            "give another model"
        )
    return DescribedClass(tuple(kept)[:count], number, dict(left_out))


def _keep_lines(answer: str, words: str, kept: dict[str, Grams], left_out: Counter[str]) -> None:
    """Add the prompts in an answer to those that are kept, and count the other lines by reason."""
    for line in _lines_of(answer):
        try:
            prompt = clean_caption(line)
        except ValueError as error:
            reason = str(error)
            left_out["refusals" if "refused" in reason else "without words"] += 1
            continue
        grams = grams_of(prompt)
        if not _names_class(prompt, words):
            left_out["without the name of the class"] += 1
        elif not len(words.split()) + _LEAST_OWN_WORDS <= len(prompt.split()) <= _MAX_WORDS:
            left_out["too short or too long"] += 1
        elif any(overlap_of(grams, other) >= MAX_OVERLAP for other in kept.values()):
            left_out["repeats"] += 1
        else:
            kept[prompt] = grams


def _lines_of(answer: str) -> Iterator[str]:
    """Yield the lines of an answer, or the texts of a JSON list, without numbers, bullets and empty ones."""
    text = without_thoughts(answer).strip()
    inner = text.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    lines = text.splitlines()
    if inner.startswith("["):
        try:
            values = json.loads(inner)
        except (ValueError, RecursionError):
            values = []
        if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
            lines = values
    for line in lines:
        prompt = _NUMBERING.sub("", line, count=1) if _NUMBERING.match(line) else line
        if prompt.strip(" `") and not prompt.rstrip(" *").endswith(":"):  # introductions and titles end with a colon
            yield prompt


def _names_class(prompt: str, words: str) -> bool:
    """Whether a prompt contains the words of the class, in any case, also in the plural, and with hyphens."""
    pattern = r"[\s_-]+".join(map(re.escape, words.casefold().split()))
    return re.search(rf"(?<!\w){pattern}(?:e?s)?(?!\w)", prompt.casefold()) is not None or (
        not words.isascii() and words.casefold() in prompt.casefold()  # scripts without blanks between words
    )
