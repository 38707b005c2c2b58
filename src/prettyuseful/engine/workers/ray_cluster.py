"""The Ray cluster that a run uses: one of the user's, or one that starts and ends with the run and is its own."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prettyuseful.engine.processes import has_exited, process_identity
from prettyuseful.engine.workers import ray_watchdog
from prettyuseful.errors import StudyError
from prettyuseful.redaction import redact_line

_PREFIX = "prettyuseful-ray-"
_OWNER = "owner"
"""The file with the identity of the process to which a folder belongs."""
_LONGEST_PARENT = 14
"""Characters. The paths of Ray's sockets are longer by up to 92 than this folder, and the system limits them to 107."""
_OWN_SETTINGS = {
    "RAY_AUTH_MODE": "token",
    # The name is that of the systems on which Ray listens to the loopback interface only, unless it is told otherwise.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
"""What the processes of a cluster of one's own find in their environment, besides the token."""


@contextmanager
def ray_cluster(ray: Any, address: str) -> Iterator[None]:
    """Connect to the cluster at `address`, `ray://host:port`, or `ray` for that of RAY_ADDRESS, the one that the user
    has started on this machine with `ray start`, or a new one. A connection that exists is used as it is.

    Raises:
        StudyError: the cluster cannot be reached, or it refuses the token.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == "ray" and not _users_cluster():
        with _own_cluster(ray):
            yield
        return
    try:
        with _without_stderr():  # Ray repeats there, many times, what the error says
            ray.init(None if address == "ray" else address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        raise StudyError(f"--on {address}: {_reason(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _reason(error: Exception) -> str:
    remedy = "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with its token"
    if any(word in _texts(error) for word in ("AuthenticationError", "Unauthenticated", "InvalidAuthToken")):
        return f"the Ray cluster asks for another token; {remedy}"
    return (
        f"cannot reach a Ray cluster ({type(error).__name__}); start one with `ray start`, give another address, "
        f"or, if the cluster asks for a token, {remedy}"
    )


def _texts(error: BaseException | None) -> str:
    """Return the types and texts of an error and of the errors that have led to it."""
    return f"{type(error).__name__} {error} {_texts(error.__cause__ or error.__context__)}" if error else ""


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Drop what is written to stderr, also by code that is not Python's."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _users_cluster() -> bool:
    """Whether the user has named a cluster, or started one on this machine.

    Raises:
        StudyError: somebody else has started it, who could let this process run any code.
    """
    if address := os.environ.get("RAY_ADDRESS"):
        return address != "local"
    from ray._private.utils import get_ray_address_file

    try:
        file = Path(get_ray_address_file(None))
        owner = file.lstat().st_uid
    except OSError:
        return False
    if owner not in (os.getuid(), 0):
        raise StudyError(
            f"--on ray: another user has started the Ray cluster that {file} names; set RAY_ADDRESS=HOST:PORT to use "
            "that cluster, or RAY_ADDRESS=local to start your own"
        )
    return True


@contextmanager
def _own_cluster(ray: Any) -> Iterator[None]:
    """Start a cluster in a private folder, on the loopback interface, with a token that only its processes have."""
    with _private_folder() as folder:
        try:
            with _environment({**_OWN_SETTINGS, "RAY_AUTH_TOKEN": secrets.token_hex(32)}):
                _read_environment_again(ray)
                _start(ray, folder)
            yield
        finally:
            ray.shutdown()
            _read_environment_again(ray)


def _start(ray: Any, folder: Path) -> None:
    try:
        ray.init("local", log_to_driver=False, logging_level="ERROR", include_dashboard=False, _temp_dir=str(folder))
    except Exception as error:
        reason = redact_line(f"{type(error).__name__}: {error}")
        raise StudyError(f"--on ray: cannot start a Ray cluster on this machine ({reason}); use --on local") from error


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, which the processes of the cluster inherit, and set them back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _read_environment_again(ray: Any) -> None:
    """Let Ray forget what it has read when it was imported, or for a cluster before."""
    ray._raylet.Config.initialize("")
    ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
    constants = ray._private.ray_constants
    constants.ENABLE_RAY_CLUSTER = constants.env_bool(constants.ENABLE_RAY_CLUSTERS_ENV_VAR, sys.platform == "linux")


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Create a folder that only this user can open; a watchdog removes it, also if this process is killed.

    Folders of watchdogs that were killed are removed first.
    """
    parent = Path(tempfile.gettempdir())
    parent = parent if len(str(parent)) <= _LONGEST_PARENT else Path("/tmp")
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, ValueError):
            status = folder.lstat()
            is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
            if is_own and has_exited((folder / _OWNER).read_text("utf-8")):
                shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).resolve()
    (folder / _OWNER).write_text(process_identity(), "utf-8")
    command = [sys.executable, "-I", "-S", ray_watchdog.__file__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # its end closes the pipe, and waits
        yield folder / "r"  # Ray lets everybody write into its own folder
