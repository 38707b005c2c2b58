"""What models answer, and the caption in it."""

from __future__ import annotations

import pytest

from prettyuseful.prompts.captioners.answers import clean_caption


@pytest.mark.parametrize(
    ("answer", "caption"),
    [
        ("  A cat.\n\nIt sleeps.\t", "A cat. It sleeps."),
        ("red\x1b[31m\ud800 and\u2028blue", "red [31m and blue"),
        ("Ein schlafender Kater", "Ein schlafender Kater"),
        ("一只猫在沙发上睡觉。", "一只猫在沙发上睡觉。"),
        ("قطة نائمة على الأريكة", "قطة نائمة على الأريكة"),
        ("3 cats", "3 cats"),
        # quotes
        ('"A cat."', "A cat."),
        ("“A cat.”", "A cat."),
        ("'A cat.'", "A cat."),
        ("「猫」", "猫"),
        ('"Cat" is what the sign says', '"Cat" is what the sign says'),
        ('"Cat" and "dog"', '"Cat" and "dog"'),
        ("The sign says 'open'", "The sign says 'open'"),
        # thoughts
        ("<think>a dog?\nno</think>\nA cat.", "A cat."),
        ("The user wants a caption.\nA dog?\n</think>\n\nA cat.", "A cat."),
        ("A cat. <think>Is it?</think>", "A cat."),
        ("<think>one</think> so <think>two</think> A cat.", "so A cat."),
        ("<think>a <think>b</think> c</think> A cat.", "A cat."),
        ("<THINKING>hm</THINKING>A cat.", "A cat."),
        ("</think>A cat.", "A cat."),
        # introductions
        ("Sure! Here is a caption for the image:\n\nA cat on a sofa.", "A cat on a sofa."),
        ("Sure, here's a description of the photo: A cat.", "A cat."),
        ("Here\u2019s a caption:\nA cat.", "A cat."),
        ("Certainly! A cat.", "A cat."),
        ("Of course! Here is a five-sentence description of the photo.\n\nA cat.", "A cat."),
        ("Okay. Here you go: A cat.", "A cat."),
        ("Here are six sentences that describe the photo:\nA cat. It sleeps.", "A cat. It sleeps."),
        ("Caption: A cat.", "A cat."),
        ("**Caption:** A cat.", "A cat."),
        ("## Image description: A cat.", "A cat."),
        ('Sure! Here is a caption: "A cat."', "A cat."),
        ('"Caption: A cat."', "A cat."),
        # markup
        ("```\nA cat.\n```", "A cat."),
        ("```text\nA cat.\n```", "A cat."),
        ("A **black** cat.", "A black cat."),
        ("<answer>A cat.</answer>", "A cat."),
        # closings
        ("A cat. Let me know if you need more details!", "A cat."),
        ("A cat.\n\nI hope this helps!", "A cat."),
        # nothing is removed
        ("Here is a cat on a sofa: black, asleep.", "Here is a cat on a sofa: black, asleep."),
        ("Sure footed goats climb.", "Sure footed goats climb."),
        ("Sorry cats sit here.", "Sorry cats sit here."),
        ("Text on a sign reads: stop", "Text on a sign reads: stop"),
        ("This is a photo of a cat.", "This is a photo of a cat."),
        ("I can see a cat.", "I can see a cat."),
        ("No image is sharper than this cat", "No image is sharper than this cat"),
    ],
)
def test_caption_is_one_clean_line(answer: str, caption: str) -> None:
    assert clean_caption(answer) == caption


@pytest.mark.parametrize(
    "answer", ["", " \n", '""', "<think>so many thoughts that no token was left", "thoughts</think>", "Caption:", "```"]
)
def test_empty_answer_is_an_error(answer: str) -> None:
    with pytest.raises(ValueError, match="the answer is empty"):
        clean_caption(answer)


@pytest.mark.parametrize("answer", ["!" * 200, "...", "12345", "<think>a cat</think>!!!!", "\N{CAT FACE}", "。。。"])
def test_answer_without_a_letter_is_no_caption(answer: str) -> None:
    with pytest.raises(ValueError, match="the answer has no word"):
        clean_caption(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, I can't help.",
        "I\u2019m unable to see.",
        "I cannot describe people.",
        "As an AI, I ...",
        "As a language model, I cannot see images.",
        "I apologize, but this is private.",
        "Unfortunately, I cannot see the image.",
        "I don't see an image here.",
        "Please provide the image.",
        "No image was provided.",
        "Sure! I'm sorry, I can't.",
        '"I am not able to do this."',
        "<think>May I?</think> I won't describe this person.",
    ],
)
def test_refusal_is_an_error(answer: str) -> None:
    with pytest.raises(ValueError, match="the model refused"):
        clean_caption(answer)
