"""Turn the answer of a vision-language model into a caption: without thoughts, introduction and markup."""

from __future__ import annotations

import re

from prettyuseful.errors import one_line

_MAX_CHARACTERS = 80  # of an answer that an error shows

_THINK = r"(?:think|thinking|thought|reasoning)"
_THOUGHTS = re.compile(rf"<{_THINK}>.*?</{_THINK}>", re.DOTALL | re.I)
_UNOPENED_THOUGHTS = re.compile(rf".*</{_THINK}>", re.DOTALL | re.I)  # the opening tag is in the chat template
_UNFINISHED_THOUGHTS = re.compile(rf"<{_THINK}>.*", re.DOTALL | re.I)  # the limit of tokens was reached
_MARKUP = re.compile(r"```(?:\w+$)?|\*\*|</?answer>|^\s*#{1,6}\s", re.MULTILINE | re.I)

_KIND = r"(?:caption|description|prompt|summary|paragraph|sentences?|text)"
_REST = r"[^:.\n]{0,100}"  # of a sentence
_INTRODUCTIONS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        # "Sure!", but not "Sure footing"
        r"(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|alright)[!,.:]+\s*",
        # "Here is a caption for the image:", but not "Here is a cat"
        rf"here(?:['\u2019]s| is| are)\b{_REST}\b{_KIND}\b{_REST}[:.\n]\s*",
        rf"(?:this is|below is|the following is)\b{_REST}\b{_KIND}\b{_REST}:\s*",
        r"here(?:['\u2019]s| is| it is| you go)\s*[:!]\s*",
        # "Caption:", "Image description:"
        rf"(?:image |photo |picture )?(?:{_KIND}|answer|output)\s*:\s*",
    )
)
_CLOSING = re.compile(
    r"(?<=[\n.!?])\s*(?:let me know if|(?:i )?hope this helps|feel free to|would you like me to|is there anything else)"
    r"[^\n]*\Z",
    re.I,
)
_QUOTES = ('""', "\u201c\u201d", "''", "\u2018\u2019", "\u00ab\u00bb", "\u300c\u300d", "``")

_REFUSAL = re.compile(
    r"(i'?m|i am) (very |so |really )?(sorry|unable|not able|afraid)|sorry,|i apologi[sz]e|unfortunately, i\b"
    r"|i (can't|cannot|can not|won't|will not|don't see an|do not see an|don't have|do not have)\b"
    r"|as an? (ai|(large |vision[- ])?language model)\b|(there is )?no image (was |is |has been )?(provided|attached)"
    r"|please (provide|upload|attach|share) (an|the|your) (image|photo|picture)",
    re.I,
)


def clean_caption(answer: str) -> str:
    """Return the caption in a model's answer as one line of printable characters.

    Thoughts (`<think>` parts, and everything before a lone `</think>`), introductions such as "Sure! Here is a
    caption:", markup and outer quotes are removed.

    Raises:
        ValueError: the answer is empty, has no letter in any script, or is a refusal.
    """
    text = _MARKUP.sub(" ", without_thoughts(answer))
    text, before = _CLOSING.sub("", text.strip()), ""
    while text != before:
        before = text
        for pattern in _INTRODUCTIONS:
            text = pattern.sub("", text, count=1) if pattern.match(text) else text
        text = _strip_quotes(text.strip())
    caption = one_line(text)
    if not caption:
        raise ValueError("the answer is empty")
    if not any(character.isalpha() for character in caption):
        raise ValueError(f"the answer has no word ({caption[:_MAX_CHARACTERS]!r})")
    if _REFUSAL.match(caption.replace("\u2019", "'")):
        raise ValueError(f"the model refused ({caption[:_MAX_CHARACTERS]!r})")
    return caption


def without_thoughts(answer: str) -> str:
    """Return an answer without its thoughts: `<think>` parts, and everything before a lone `</think>`."""
    for pattern in (_THOUGHTS, _UNOPENED_THOUGHTS, _UNFINISHED_THOUGHTS):
        answer = pattern.sub(" ", answer)
    return answer


def _strip_quotes(text: str) -> str:
    """Remove quotes around the whole text, but not those of `"cat" and "dog"`."""
    inner = text[1:-1]
    is_quoted = len(text) > 1 and text[0] + text[-1] in _QUOTES and text[0] not in inner and text[-1] not in inner
    return inner.strip() if is_quoted or text in _QUOTES else text
