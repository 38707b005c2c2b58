"""The vision-language model that answers questions about images: on this machine, or at an endpoint."""

from __future__ import annotations

from prettyuseful.encoders.questions import AnswersQuestions
from prettyuseful.encoders.scoring import ScoreSettings
from prettyuseful.endpoints.access import read_key
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.hub.commits import check_resolved
from prettyuseful.numerics import Numerics


def open_question_model(pinned: Pinned[ScoreSettings], numerics: Numerics) -> AnswersQuestions:
    """Create the model, or return the cached one if it was the last model loaded in this process.

    Raises:
        DataError: the commit of the model is unknown, or its weights cannot be loaded.
        UserError: the environment variable of the key of an endpoint is not set.
    """
    given = pinned.source
    assert given.model is not None
    if given.endpoint is not None:
        from prettyuseful.encoders.endpoint_questions import EndpointQuestions

        return EndpointQuestions(given.endpoint, given.model, given.concurrency, read_key(given.api_key_env))
    from prettyuseful.encoders.visual_questions import VisualQuestionModel

    check_resolved(pinned.content, given.model)
    return cached_model(VisualQuestionModel, given.model, numerics, content=digest(pinned.content))
