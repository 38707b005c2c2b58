from __future__ import annotations

import base64
import json

import pytest
from tests.redaction.texts import COMMON_VARIABLES, PEM, RANDOM

from prettyuseful.redaction.search import SecretIndex
from prettyuseful.redaction.variables import holds_path_of_secrets, secrets_in_variables

ACCOUNT_KEY = base64.b64encode(b"canary" * 6).decode()


def redact_with(variables: dict[str, str], text: str) -> str:
    return SecretIndex(secrets_in_variables(variables)).redact(text)


@pytest.mark.parametrize(
    ("variable", "value", "secret"),
    [
        ("HF_TOKEN", "canary+/1234", "canary+/1234"),
        ("AWS_SECRET_ACCESS_KEY", "canary+/1234", "canary+/1234"),
        ("CAPTION_KEY", "canary+/1234", "canary+/1234"),
        ("DB_PASSWORD", "canary+/1234", "canary+/1234"),
        ("my_api_key", "canary+/1234", "canary+/1234"),
        ("dbPassword", "canary+/1234", "canary+/1234"),
        ("SMTP_PASS", "canary+/1234", "canary+/1234"),
        ("SSHPASS", "canary+/1234", "canary+/1234"),
        ("MYSQL_PWD", "canary+/1234", "canary+/1234"),
        ("GPG_PASSPHRASE", "correct horse canary staple", "correct horse canary staple"),
        ("AZURE_PAT", "canary+/1234", "canary+/1234"),
        ("SESSION_COOKIE", "session=canary1234; lang=en", "canary1234"),
        ("SERVICE_JWT", "canary.1234.abcd", "canary.1234.abcd"),
        ("API_KEYS", "canary-one,canary-two", "canary-two"),
        ("API_KEYS", '["canary-one", "canary-two"]', "canary-two"),
        ("API_TOKENS", "alice:canary-one bob:canary-two", "canary-two"),
        ("DATABASE_URL", "postgres://user:canary-pw@db.example.com/db", "canary-pw"),
        ("DATABASE_URL", "postgresql+psycopg://user:canary%2Fpw@db.example.com/db", "canary/pw"),
        ("CELERY_BROKER", "amqps://user:canary/pw@mq.example.com//", "canary/pw"),
        ("SQL", "Server=tcp:db.example.com;Database=x;User Id=me;Password=canary pw1;", "canary pw1"),
        ("PG", "host=db user=me password=canary-pw sslmode=require", "canary-pw"),
        ("STORAGE", f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={ACCOUNT_KEY};X=y", ACCOUNT_KEY),
        ("ALERTS", "https://hooks.slack.com/services/T00000000/B00000000/canarycanary", "canarycanary"),
        ("ALERTS", "https://discord.com/api/webhooks/123456789012/canary-canary", "canary-canary"),
        ("ALERTS", f"https://example.webhook.office.com/webhookb2/{RANDOM}", RANDOM),
        ("ALERTS", f"https://alerts.example.com/incoming/{RANDOM}", RANDOM),
        ("SLACK_WEBHOOK_URL", "https://example.com/canary/hook", "https://example.com/canary/hook"),
        ("DATA", "https://x.s3.amazonaws.com/a?X-Amz-Date=1&X-Amz-Signature=canary0123456789", "canary0123456789"),
        ("BLOB", "https://x.blob.core.windows.net/c/a?sv=2024&sig=canary%2B123%3D", "canary+123="),
        ("DEPLOY", PEM, "".join(PEM.split()[6:8])),
        ("GCP", json.dumps({"type": "x", "private_key": PEM, "client_email": "a@b.c"}), PEM),
        ("GCP", base64.b64encode(json.dumps({"private_key": PEM}).encode()).decode(), PEM),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=canary77,x=1", "canary77"),
        ("HEADERS", "Authorization=Bearer canary77", "canary77"),
        ("HEADERS", "Authorization: Bearer canary77", "canary77"),
        ("HEADERS", "Accept: text/html\nX-Api-Key: canary77", "canary77"),
        ("SETTINGS", "user: me\npassword: canary\n", "canary"),
        ("SETTINGS", "password: my canary 77 # no comment", "my canary 77 # no comment"),
        ("SETTINGS", "{'user': 'me', 'password': 'canary word'}", "canary word"),
        ("MYSQL_OPTS", "-ume --password=canary77", "canary77"),
        ("EXTRA_ARGS", "--verbose --token canary77 --n 3", "canary77"),
        ("EXTRA_ARGS", "--auth-token 'canary word 77'", "canary word 77"),
        ("CURL_OPTS", "-s -u bob:canary77", "canary77"),
        ("CURL_OPTS", "--proxy-user=bob:canary77", "canary77"),
        ("PROXY", "user:canary77@proxy:3128", "canary77"),
        ("JDBC", "jdbc:oracle:thin:scott/canary77@//h:1521/s", "canary77"),
        ("ORACLE", "scott/canary77@h:1521/s", "canary77"),
        ("DB", "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BX%7D%3BPWD%3Dcanary77%3B", "canary77"),
        ("DB_PASSWORD", "/etc/canary77", "/etc/canary77"),
        ("DB_PSW", "canary-Horse77x", "canary-Horse77x"),
        ("ADMIN_PSWD", "canary-Horse77x", "canary-Horse77x"),
        ("LDAP_BINDPW", "canary-Horse77x", "canary-Horse77x"),
        ("AWSCREDS", "canary-Horse77x", "canary-Horse77x"),
        ("WIFI_PSK", "canary-Horse77x", "canary-Horse77x"),
        ("KEYPHRASE", "canary-Horse77x", "canary-Horse77x"),
        ("SIGN_KEY_1", "canary-Horse77x", "canary-Horse77x"),
        ("KEY_PROD", "canary-Horse77x", "canary-Horse77x"),
        ("REFRESH_TOK", "canary-Horse77x", "canary-Horse77x"),
        ("OTP_SEED", "canary-Horse77x", "canary-Horse77x"),
        ("BACKUP_CODES", "canary-Horse77x", "canary-Horse77x"),
        ("SESSION_ID", "canary-Horse77x", "canary-Horse77x"),
        ("PINCODE", "493817", "493817"),
        ("HF_TOKEN", "canarywords", "canarywords"),
        ("SOME_KEY", "four canary words together", "four canary words together"),
        ("INNOCENT", RANDOM, RANDOM),
        ("INNOCENT", f"url=x,key={RANDOM}", RANDOM),
    ],
)
def test_secret_values_are_known(variable: str, value: str, secret: str) -> None:
    for text in (secret, f"({secret!r})", f"a {secret} b {secret}"):
        redacted = redact_with({variable: value}, text)
        assert secret not in redacted
        assert "canary" not in redacted
    assert redact_with({variable: value}, f"cannot open {secret}: refused") == f"cannot open [{variable}]: refused"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "falsehood"),
        ("AUTH", "on"),
        ("EDITOR", "canary-editor"),
        ("RAY_AUTH_MODE", "tokens"),
        ("PWD", "/no/such/canary"),
        ("OLDPWD", "/no/such/canary"),
        ("GIT_AUTHOR_NAME", "Jane Canary"),
        ("AUTH_TYPE", "canary-type"),
        ("SECRET_MODE", "production"),
        ("AWS_TOKEN_REGION", "us-east-1"),
        ("MAX_TOKENS", "100000"),
        ("AUTH_URL", "https://login.example.com/oauth/canary"),
        ("COMMIT", "0123456789abcdef0123456789abcdef01234567"),
        ("CHECKSUM", "0123456789abcdef" * 4),
        ("GPU", "GPU-123e4567-e89b-12d3-a456-426614174000"),
        ("IMAGE", "nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04"),
        ("MODEL", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
        ("BYPASS", "canary-hosts"),
        ("PRIMARY_KEY", "image_id"),
        ("MODEL_KEY", "resnet50"),
        ("CACHE_KEY", "photos-v1"),
        ("DB_KEYS", "id,name"),
        ("STOP_TOKEN", "images"),
        ("MASK_TOKEN", "[MASK]"),
        ("PAD_TOKEN", "<|endoftext|>"),
        ("XDG_SESSION_ID", "c12345"),
        ("TERM_SESSION_ID", "w0t0p0:3F2504E0-4F89-11D3-9A0C-0305E82C3301"),
        ("REMOTE", "ssh://deploy@host.example.com:22/x.git"),
        ("IMAGE", "python:3.12-slim@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("PROMPT", "the password: please, and a token: images"),
        ("DOCKER_ARGS", "-u 1000:1000 --gpus all"),
    ],
)
def test_values_that_are_no_secrets_are_kept(variable: str, value: str) -> None:
    assert redact_with({variable: value}, f"a {value} b") == f"a {value} b"


def test_variables_of_many_machines_hold_no_secrets() -> None:
    assert list(secrets_in_variables(COMMON_VARIABLES)) == []


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("DB_PASSWORD_FILE", True), ("GOOGLE_APPLICATION_CREDENTIALS", True), ("LOG_FILE", False), ("HF_TOKEN", False)],
)
def test_some_variables_name_files_with_secrets(variable: str, expected: bool) -> None:
    assert holds_path_of_secrets(variable) == expected
