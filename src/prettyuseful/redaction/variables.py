"""The secrets in environment variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from prettyuseful.redaction.values import MAX_VALUE, is_path, secret_parts

MIN_LENGTH = 6
"""Shorter values are settings such as `true`, which occur in any text."""

_MIN_ELEMENT = 8  # characters of an element of a list in a variable that need not hold a list
_SECRET = re.compile(
    r"SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|WEBHOOK|COOKIE|CONN(?:ECTION)?_?STR"
    r"|PASSCODE|MNEMONIC|(?:SEED|KEY)_?PHRASE|KENNWORT|MOT_?DE_?PASSE|CONTRASENA|[CX]SRF"
    r"|(?:^|_)(?:PASS|PWD|PSWD?|PWORD|PW|PAT|PIN(?:_?CODE)?|PSK|JWT|CREDS?|BEARER|SALT|PEPPER|[TH]?OTP|SENHA)(?:_|$)"
    r"|(?<!BY)(?<!COM)PASS$|(?:PW|PWD|PSWD|PWORD|JWT|CREDS)$"
    r"|(?:BACKUP|RECOVERY|MFA|2FA|UNLOCK|ACTIVATION|AUTH|VERIFICATION|SECURITY)_?CODES?$"
    r"|(?:API|ACCESS|REFRESH|AUTH|ID|BEARER|SESSION|SECURITY|HF|HUB|HUGGINGFACE|GITHUB|GITLAB|GH|BOT|DEPLOY|USER|CI|JOB)"
    r"_?TOKENS?(?:_|$)"
)
# Their values may as well be names, such as the key by which a table is sorted, or the token that ends a text.
_MAYBE_SECRET = re.compile(
    r"TOKEN(?!IZ)|TOK$|(?:KEYS?|SESSION)(?:_?(?:ID|\d{1,3}|PROD\w*|DEV\w*|STAG\w*|TEST\w*|LIVE|OLD|NEW|MAIN))?$"
    r"|(?:^|_)(?:O?AUTH2?|AUTHORIZATION|HOOK|DSN|SAS|SIG|SIGNATURE|SIGNING|CIPHER|UNSEAL|PEM)(?:_|$)"
)
_IDENTIFIER_OF_DESKTOP = re.compile(r"^(?:XDG|TERM|DESKTOP|DBUS|GNOME|KDE|LC)_")
_MAX_WORDS = 3  # of a name; more may be a passphrase
_NAME_WORD = re.compile(r"[a-z]{2,}\d{0,2}|[A-Z][a-z]+|[A-Z]{2,}|v?\d{1,2}|[a-z]")
_ALWAYS_SECRET = re.compile(r"WEBHOOK|(?:^|_)HOOK_UR[LI]$")
# A name that ends in one of these says where a secret is or how it is used, and does not hold it.
_SETTING = re.compile(
    r"_(?:MODE|TYPE|METHOD|PROVIDER|UR[LI]|HOST|PORT|ENABLED?|REGION|BACKEND|FILE|PATH|DIR|FOLDER|SOCK|NAME|USER(?:NAME)?"
    r"|ENDPOINT|DOMAIN|REALM|VERSION|TTL|TIMEOUT|ENV|ALGORITHM|COUNT|LIMIT|LENGTH|SCOPES?|AUDIENCE|ISSUER|POLICY)$"
)
_PLURAL = re.compile(r"(?:S|COOKIE)$")
_COMMON = re.compile(
    r"true|false|none|null|enabled?|disabled?|defaults?|production|staging|development|testing|local(?:host)?|always|never"
    r"|required|optional|basic|bearer|digest|kerberos|oauth2?|openid|anonymous|public|private|passwords?|passwd|secrets?"
    r"|tokens?|cookies?|sessions?|header|memory|keyring|manual|redacted|hidden|[a-z]{2}(?:-[a-z]+)+-\d[a-z]?|\d{1,5}"
    r"|<.*>|\$\{?\w+\}?|\*+",
    re.IGNORECASE,
)
_FOLDERS = ("PWD", "OLDPWD")


def secrets_in_variables(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of every secret: whole values of variables with secret names, and secret parts of others."""
    for name, value in variables.items():
        if name in _FOLDERS or len(value) < MIN_LENGTH:
            continue
        value = value[:MAX_VALUE]
        secrets = set(secret_parts(value))
        if _is_secret(name, value) and not _is_path(name, value):
            secrets |= {value, *_elements(name, value)}
        for secret in {form for part in secrets for form in (part.strip(), part.strip().strip("'\""))}:
            if len(secret) >= MIN_LENGTH and not _COMMON.fullmatch(secret):
                yield name, secret


def holds_path_of_secrets(name: str) -> bool:
    """Return whether a variable gives the path of a file with a secret, such as `DB_PASSWORD_FILE`."""
    words = _upper_words(name)
    return bool(
        re.search(r"_(?:FILE|PATH)$|CREDENTIALS$", words) and re.search(f"TOKEN(?!IZ)|{_SECRET.pattern}", words)
    )


def _is_secret(name: str, value: str) -> bool:
    words = _upper_words(name)
    if _ALWAYS_SECRET.search(words):
        return True
    if _SETTING.search(words):
        return False
    if _SECRET.search(words):
        return True
    if _IDENTIFIER_OF_DESKTOP.search(words) or not _MAYBE_SECRET.search(words):
        return False
    if re.search(r"TOKENS$", words) and re.fullmatch(r"[\d_,.]{1,12}", value):  # a limit such as MAX_TOKENS
        return False
    return not (re.fullmatch(r"[A-Za-z]{1,16}", value) or _reads_like_name(value))


def _reads_like_name(value: str) -> bool:
    """Return whether a value consists of a few words, as names such as `image_id`, `photos-v1` and `[MASK]`."""
    words = [word for word in re.split(r"[\s_.,/|<>\[\]-]+", value) if word]
    return len(words) <= _MAX_WORDS and all(map(_NAME_WORD.fullmatch, words))


def _is_path(name: str, value: str) -> bool:
    """Return whether a value is a path. What should be a password is one only if there is such a file."""
    is_password = bool(_SECRET.search(_upper_words(name))) and not holds_path_of_secrets(name)
    return is_path(value, exists=is_password)


def _upper_words(name: str) -> str:
    """Return `dbPassword` and `db-password` as `DB_PASSWORD`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).upper()


def _elements(name: str, value: str) -> Iterator[str]:
    """Yield the elements of a list, and what follows the name in elements such as `name:key` and `name=key`."""
    is_list = _PLURAL.search(_upper_words(name)) is not None
    elements = re.split(r"[\s,;|]+" if is_list else r"[,;|]", value)
    with suppress(ValueError, RecursionError):
        content = json.loads(value)
        elements = [*content.values()] if isinstance(content, dict) else content if isinstance(content, list) else []
        elements = [element for element in elements if isinstance(element, str)]
    for element in elements:
        for part in {element.strip(), re.split(r"[:=]", element, maxsplit=1)[-1].strip()}:
            if is_list or (len(part) >= _MIN_ELEMENT and not part.isalpha()):
                yield part.strip("'\"")
