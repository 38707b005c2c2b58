"""Which cluster `--on ray` uses, and how its own one is started; without starting one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prettyuseful.engine.processes import process_identity
from prettyuseful.engine.workers.ray_cluster import ray_cluster
from prettyuseful.errors import StudyError

ENABLE_RAY_CLUSTERS_ENV_VAR = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
TOKEN_VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")


class AuthenticationError(Exception):
    """Named like that of Ray."""


def chained(error: Exception, cause: str) -> Exception:
    error.__cause__ = RuntimeError(cause)
    return error


class Ray:
    """Notes how it is started."""

    def __init__(self, error: Exception | None = None, initialized: bool = False) -> None:
        self.error, self.initialized = error, initialized
        self.calls: list[tuple[str | None, dict[str, Any], dict[str, str | None]]] = []
        self.folder_mode, self.token_resets = 0, 0
        loader = SimpleNamespace(reset_cache=self._reset)
        self.listens_to_network: list[bool] = []
        constants = SimpleNamespace(
            ENABLE_RAY_CLUSTER=True,
            ENABLE_RAY_CLUSTERS_ENV_VAR=ENABLE_RAY_CLUSTERS_ENV_VAR,
            env_bool=lambda name, default: bool(int(os.environ.get(name, str(int(default))))),
        )
        self._private = SimpleNamespace(ray_constants=constants)
        self._raylet = SimpleNamespace(
            Config=SimpleNamespace(initialize=lambda _: None),
            AuthenticationTokenLoader=SimpleNamespace(instance=lambda: loader),
        )

    def _reset(self) -> None:
        self.token_resets += 1

    def is_initialized(self) -> bool:
        return self.initialized

    def init(self, address: str | None, **options: Any) -> None:
        self.calls.append((address, options, {name: os.environ.get(name) for name in TOKEN_VARIABLES}))
        self.listens_to_network.append(self._private.ray_constants.ENABLE_RAY_CLUSTER)
        if "_temp_dir" in options:
            folder = Path(options["_temp_dir"])
            folder.mkdir()
            folder.chmod(0o777)  # Ray does this
            self.folder_mode = stat.S_IMODE(folder.parent.stat().st_mode)
        if self.error is not None:
            raise self.error
        self.initialized = True

    def shutdown(self) -> None:
        self.initialized = False


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    for name in ("RAY_ADDRESS", *TOKEN_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ray._private.utils.get_ray_address_file", lambda _: str(tmp_path / "ray_current_cluster"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("prettyuseful.engine.workers.ray_cluster._LONGEST_PARENT", 1000)


@pytest.mark.parametrize("address", [None, "local"])
def test_own_cluster_is_private(address: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    ray, tokens = Ray(), set()
    for _ in range(2):
        with ray_cluster(ray, "ray"):
            assert ray.is_initialized()
            assert {name: os.environ.get(name) for name in TOKEN_VARIABLES} == dict(
                zip(TOKEN_VARIABLES, ("disabled", None), strict=True)
            ), "the environment is as before"
        where, options, environment = ray.calls[-1]
        assert not ray.is_initialized()
        assert (where, options["include_dashboard"], ray.folder_mode) == ("local", False, 0o700)
        assert environment["RAY_AUTH_MODE"] == "token"
        tokens.add(environment["RAY_AUTH_TOKEN"] or "")
    assert len(tokens) == 2, "every cluster has its own token"
    assert min(len(token) for token in tokens) >= 32
    assert ray.listens_to_network == [False, False]
    assert ray._private.ray_constants.ENABLE_RAY_CLUSTER is (sys.platform == "linux")
    assert ray.token_resets == 4, "Ray reads the token anew, before and after"
    assert list(tmp_path.glob("prettyuseful-ray-*")) == []


def test_users_cluster_keeps_its_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ray = Ray()
    with ray_cluster(ray, "ray://head:10001"):
        pass
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    with ray_cluster(ray, "ray"):
        pass
    monkeypatch.delenv("RAY_ADDRESS")
    (tmp_path / "ray_current_cluster").write_text("10.0.0.1:6379")
    with ray_cluster(ray, "ray"):
        pass
    assert [address for address, _, _ in ray.calls] == ["ray://head:10001", None, None]
    for _, options, environment in ray.calls:
        assert options.keys() == {"log_to_driver", "logging_level"}
        assert set(environment.values()) == {None}
    assert not ray.is_initialized()
    assert ray.listens_to_network == [True] * 3


def test_open_connection_is_used_and_kept() -> None:
    ray = Ray(initialized=True)
    with ray_cluster(ray, "ray"):
        pass
    assert ray.calls == []
    assert ray.is_initialized()


def test_cluster_of_another_user_is_not_joined_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ray_current_cluster").write_text("10.0.0.1:6379")
    monkeypatch.setattr("os.getuid", lambda: 4242)
    os.chown(tmp_path / "ray_current_cluster", 4243, -1) if os.geteuid() == 0 else None
    with pytest.raises(StudyError, match=r"another user has started .* set RAY_ADDRESS=HOST:PORT"):
        ray_cluster(Ray(), "ray").__enter__()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AuthenticationError("Token authentication is enabled but ..."), "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN"),
        (chained(ConnectionError("Failed to connect"), "RPC error: InvalidAuthToken"), "asks for another token"),
        (ConnectionError("ray client connection timeout"), r"cannot reach a Ray cluster \(ConnectionError\)"),
    ],
)
def test_failure_to_connect_is_one_line(error: Exception, message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught, ray_cluster(Ray(error), "ray://head:10001"):
        pass
    assert str(caught.value).startswith("--on ray://head:10001: ")
    assert "\n" not in str(caught.value)


def test_failure_to_start_is_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"^--on ray: cannot start .* \(OSError: no sockets left\); use --on local$"):
        ray_cluster(Ray(OSError("no sockets\nleft")), "ray").__enter__()
    assert list(tmp_path.glob("prettyuseful-ray-*")) == []
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_folders_of_killed_runs_are_removed(tmp_path: Path) -> None:
    script = "from prettyuseful.engine.processes import process_identity; print(process_identity())"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    other = tmp_path / "elsewhere"
    other.mkdir()
    for name, owner in (("dead", ended), ("living", process_identity()), ("unknown", "?")):
        (tmp_path / f"prettyuseful-ray-{name}").mkdir()
        (tmp_path / f"prettyuseful-ray-{name}" / "owner").write_text(owner)
    (other / "owner").write_text(ended)
    (tmp_path / "prettyuseful-ray-link").symlink_to(other)
    with ray_cluster(Ray(), "ray"):
        pass
    assert {path.name for path in tmp_path.glob("prettyuseful-ray-*")} == {
        "prettyuseful-ray-living",
        "prettyuseful-ray-unknown",
        "prettyuseful-ray-link",
    }
    assert (other / "owner").exists()
