"""What other uses of a chat endpoint share; tests/prompts/captioners/test_endpoint.py makes the server misbehave."""

from __future__ import annotations

import pytest
from PIL import Image
from tests.chat_server import QUICK, running_server, says

from prettyuseful.endpoints.chat import ChatEndpoint, ChatQuestion, Completion
from prettyuseful.endpoints.client import EndpointRole, RetryableError
from prettyuseful.errors import StepFailedError, UserError

JUDGE = EndpointRole("judge", "pictures", "model")
QUESTIONS = [ChatQuestion(Image.new("RGB", (4, 4)), f"question {i}?", f"image {i}") for i in range(3)]


def test_answers_are_read_in_order_and_an_unreadable_one_is_asked_again() -> None:
    seen: list[str] = []

    def read(completion: Completion) -> str:
        seen.append(completion.text)
        if len(seen) == 1:
            raise RetryableError("not yet")
        return completion.text

    with running_server() as server:
        server.default_reply = lambda request: says(request.body["messages"][0]["content"][1]["text"])(request)
        chat = ChatEndpoint(server.url, "seer", JUDGE, {"max_tokens": 3}, 1, retry_policy=QUICK)
        assert chat.ask(QUESTIONS, read) == [question.text for question in QUESTIONS]
        assert len(server.requests) == 4
        assert server.requests[0].body["max_tokens"] == 3
        assert chat.served_models == {"seer-0613"}


@pytest.mark.parametrize("error", [UserError("no use"), StepFailedError("not at all")])
def test_an_error_of_the_reader_stops_everything(error: Exception) -> None:
    def read(_: Completion) -> str:
        raise error

    with running_server() as server:
        chat = ChatEndpoint(server.url, "seer", JUDGE, {}, 1, retry_policy=QUICK)
        with pytest.raises(type(error), match=str(error)):
            chat.ask(QUESTIONS, read)
        assert len(server.requests) == 1
