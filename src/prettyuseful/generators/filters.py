"""Choose models of the table by their family, release and licence."""

from __future__ import annotations

import re

from prettyuseful.errors import UnknownNameError, UserError, did_you_mean
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS

_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")


def select_models(
    family: str | None = None, released_after: str | None = None, licence: str | None = None
) -> list[Model]:
    """Return the models that fit all given filters, in the order of the table.

    Args:
        family: a family, such as `sdxl`, or the class of a pipeline without one; upper and lower case are equal.
        released_after: year and month, such as 2025-01. Models of this month, and those whose release is not known, are
            left out.
        licence: a part of the licence, such as `apache`; upper and lower case are equal.

    Raises:
        UserError: no model has such a family, or the month is not written as 2025-01.
    """
    if family is not None:
        known = {model.family.casefold(): model.family for model in MODELS.values()}
        if family.casefold() not in known:
            near = did_you_mean(family.casefold(), known)
            raise UnknownNameError(f"no generator has the family {family!r}{near}; known: {', '.join(known.values())}")
        family = known[family.casefold()]
    if released_after is not None and not _MONTH.fullmatch(released_after):
        raise UserError(f"invalid month {released_after!r} (--released-after); write year and month, such as 2025-01")
    return [
        model
        for model in MODELS.values()
        if (family is None or model.family == family)
        and (released_after is None or (model.released or "") > released_after)
        and (licence is None or licence.casefold() in model.licence.casefold())
    ]
