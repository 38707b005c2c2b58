"""Names of settings whose values are secrets, as they stand in URLs, connection strings, JSON and headers."""

from __future__ import annotations

import re

_SECRET_KEY = re.compile(
    r".*(?:password|passwd|passwrd|passphrase|passcode|pword|pswd|secret|apikey|accesskey|secretkey|accountkey|privatekey|sharedaccesskey"
    r"|accesssignature|xamzsignature|xamzcredential|xgoogsignature|xgoogcredential)"
    r"|(?:.*(?:access|auth|bearer|refresh|id|session|security|api|hf|hub|github|gitlab|bot|csrf|xsrf|sas|user))?token"
    r"|.*pwd?|psw|pass|sig|jwt|authorization|proxyauthorization|connectionstring|clientsecret"
)


def is_secret_key(name: str) -> bool:
    """Return whether a value under this name is a secret, such as `api_key`, `Pwd` or `X-Amz-Signature`."""
    return len(name) <= 80 and _SECRET_KEY.fullmatch(re.sub(r"[\s_.-]", "", name).lower()) is not None
