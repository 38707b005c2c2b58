"""The address and the key of an endpoint: what study files may contain, and where the key comes from."""

from __future__ import annotations

import os
import re
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from prettyuseful.errors import UserError

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_KEY = re.compile(r"[!#-\[\]-~]+")  # ASCII without spaces, quotes and backslashes, so that JSON does not change it


class EndpointSettings(BaseModel):
    """The settings of an OpenAI-compatible endpoint in a study file; they hold no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    endpoint: str | None = Field(None, description="base URL of a server, such as http://localhost:8000/v1")
    api_key_env: str | None = Field(None, description="name of the environment variable with the key of the endpoint")
    concurrency: int = Field(8, ge=1, le=256, description="number of simultaneous requests to the endpoint")

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, value: Any) -> Any:
        """Check for secrets before validation, because validation errors would print the input."""
        if isinstance(value, dict):
            reject_secrets(value.get("endpoint"), value.get("api_key_env"))
        return value

    @field_validator("endpoint")
    @classmethod
    def _normalise_endpoint(cls, url: str | None) -> str | None:
        return None if url is None else base_url(url)

    @model_validator(mode="after")
    def _key_has_an_endpoint(self) -> Self:
        if self.endpoint is None and self.api_key_env is not None:
            raise ValueError("api_key_env needs an endpoint; add endpoint or remove api_key_env")
        return self


def base_url(url: str) -> str:
    """Return the base URL of an endpoint that may be written with its path."""
    return url.rstrip("/").removesuffix("/chat/completions").removesuffix("/images/generations")


def read_key(variable: str | None) -> str | None:
    """Return the key of an endpoint from an environment variable; None without a variable.

    Raises:
        UserError: it is not set, or holds no key.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(
            f"the environment variable {variable} (api_key_env) is not set; export it with the key of the endpoint"
        )
    if not _KEY.fullmatch(key):
        raise UserError(
            f"the environment variable {variable} contains characters that no key has; export the key again"
        )
    return key


def reject_secrets(endpoint: object, variable: object) -> None:
    """Reject secrets in study files, which are often shared. The messages do not repeat the input.

    Raises:
        ValueError: the endpoint is no plain URL, or the variable is no name of an environment variable.
    """
    if isinstance(variable, str) and not _VARIABLE.fullmatch(variable):
        raise ValueError(
            "api_key_env must be the name of an environment variable (capitals, digits and _), not the key itself; "
            "export the key and give the name of the variable, such as CAPTION_API_KEY"
        )
    if not isinstance(endpoint, str):
        return
    if any(mark in endpoint for mark in "@?#"):
        raise ValueError(
            "endpoint must not contain user:password@, a ?query or a #fragment, because study files are often shared; "
            "give the base URL alone, and the key by api_key_env"
        )
    if not _is_url(endpoint):
        raise ValueError("endpoint must be an http:// or https:// URL with a host, such as http://localhost:8000/v1")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # reading the property validates the port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable() and " " not in text
