"""Secrets that nobody uses, and texts without secrets, for tests."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from pathlib import Path

import prettyuseful

_letters = random.Random(7)
RANDOM = "".join(_letters.choices(string.ascii_letters + string.digits, k=40))
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJjYW5hcnkifQ", "c2lnbmF0dXJlLWNhbmFyeQ"))
_BASE64 = string.ascii_letters + string.digits + "+/"
_NAME = "PRIVATE" + " KEY"  # in two parts, so that no scanner takes this file for a key
PEM = "\n".join(
    (
        f"-----BEGIN RSA {_NAME}-----",
        *("".join(_letters.choices(_BASE64, k=64)) for _ in range(5)),
        f"-----END RSA {_NAME}-----",
    )
)

COMMON_VARIABLES = {
    "HOSTNAME": "trainer-7d9f8b6c5d-x2x9z",
    "KUBERNETES_PORT": "tcp://10.96.0.1:443",
    "NVIDIA_VISIBLE_DEVICES": "GPU-123e4567-e89b-12d3-a456-426614174000",
    "NVIDIA_REQUIRE_CUDA": "cuda>=12.4 brand=tesla,driver>=470,driver<471",
    "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
    "GITHUB_REPOSITORY": "owner/prettyuseful",
    "PYTHON_SHA256": "0123456789abcdef" * 4,
    "AUTH_MODE": "production",
    "AWS_REGION": "us-east-1",
    "AUTH_ENABLED": "true",
    "SLURM_JOB_NODELIST": "gpu[001-004,017]",
    "CONDA_PREFIX": "/opt/conda/envs/prettyuseful",
    "LS_COLORS": "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33",
    "PATH": "/nix/store/k1gmrvwr0r2hs2gx0dajy8v3hqvpdj3p-python3/bin:/usr/bin",
    "HF_ENDPOINT": "https://huggingface.co",
    "MODEL_ID": "stabilityai/stable-diffusion-xl-base-1.0",
    "MAX_TOKENS": "256",
    "RAY_AUTH_MODE": "token",
    "SORT_KEY": "images",
    "SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22",
}

PLAIN_TEXTS = (
    "the token of the hub is missing; set HF_TOKEN or run `hf auth login`",
    "passwords, tokens, secrets and keys belong in the environment",
    "api_key_env must be the name of an environment variable, such as CAPTION_API_KEY",
    "password: enter your password, then press return",
    "Bearer authentication is required; basic settings are enough",
    "authorization: required",
    "token=None, auth=True, max_tokens=256, tokens: 77, sig=0.05, key=value",
    "def login(token: str, password: Optional[str] = None, secret=...)",
    "export API_KEY=$OTHER_KEY; password=${DB_PASSWORD}; token=<your token>; secret=***",
    "artifact 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef is missing",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "python:3.12@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "commit 0123456789abcdef0123456789abcdef01234567 of owner/name",
    "123e4567-e89b-12d3-a456-426614174000",
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K and stabilityai/stable-diffusion-xl-base-1.0",
    "https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K/resolve/main/open_clip_model.safetensors",
    "https://huggingface.co/a/b/resolve/0123456789abcdef0123456789abcdef01234567/model-00001-of-00002.safetensors",
    "https://github.com/owner/name/blob/0123456789abcdef0123456789abcdef01234567/src/a.py#L10-L20",
    "https://example.com/images/dGhpcyBpcyBhIHRlc3QgaW1hZ2U.jpg and dGhpcyBpcyBhIHRlc3QgaW1hZ2U.jpg",
    "images/dGhpcyBpcyBhIHRlc3QgaW1hZ2Ugb2YgYSBjYXQ=.png is broken",
    "data/Yw3kQ9zLr8TnB2vXcM5pHd7s/img_0001.png: broken image",
    "StableDiffusionXLImg2ImgPipeline, DPMSolverMultistepScheduler, AutoencoderKLQwenImage",
    "torch 2.9.1+cu128, diffusers 0.40.0.dev0, python 3.11.7, sd-1.5",
    "s3://bucket/folder/name@v1.0 and https://example.com/@scope/package@1.2.3",
    "http://localhost:8000/v1/chat/completions",
    "http://localhost:8265/@vite/client",
    "mail jane@example.com; ssh host:port; 10.0.0.1:6379",
    "file:///home/jane/data@2024/red/0001.png",
    "https://example.com/a?page=2&sort=name&download=true&size=512x512",
    "npm:react18@18.2.0, docker run -u 1000:1000, python:3.12@sha256:0123456789abcdef0123456789abcdef",
    "owner/name1@v1.0, train --token TOKEN --password secret, Key=Value; Color=Red; pass=1",
    "ssh://git@github.com:22/owner/name.git",
    "the study photos-in-small-with-many-long-words_and_underscores-2024 is complete",
    "hf_hub_download, sk-learn, sk-learn-contrib-extensions, ghp_user, xox, AKIA",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    "https://huggingface.co/DiffSynth-Studio/MiniMax-H3-LoRA-LineartAnime and https://github.com/a/TwoWayMultiLabelLoss",
    "token = b64encode(value); secret_key=hashlib.sha256(text).hexdigest(); token='hf_***'",
    "cookie: the session cookie is missing",
    "-----BEGIN CERTIFICATE----- is no private key; PRIVATE KEY files belong elsewhere",
    "secret santa, token ring, pass rate: 76.9% [72.7, 81.1], -5.0 points [-9.0, -0.9]",
    "error: my-study.yaml:7: unknown key 'sigma' in blur; valid keys: width",
)

# The variable PYTEST_CURRENT_TEST must not contain these texts.
PLAIN_IDS = tuple(f"text {number}" for number in range(len(PLAIN_TEXTS)))


def our_texts() -> Iterator[tuple[str, str]]:
    """Yield name and text of all our documentation, and of the sources with their messages."""
    package = Path(prettyuseful.__file__).parent
    root = package.parent.parent
    files = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *package.rglob("*.py"), *package.rglob("*.yaml")]
    assert len(files) > 200
    for file in files:
        yield str(file.relative_to(root)), file.read_text("utf-8")
