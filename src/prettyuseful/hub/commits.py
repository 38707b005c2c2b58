"""Resolves names on the Hugging Face Hub to commits."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from pydantic import JsonValue

from prettyuseful.errors import DataError, StoreError
from prettyuseful.hub.ids import split_revision
from prettyuseful.output_files import draft_folder, write_text
from prettyuseful.paths import is_folder

UNRESOLVED = "unresolved"
"""Placeholder for the commit if neither the hub nor the local cache knows it."""


@dataclass(frozen=True)
class Commit:
    """A repository of the hub (`owner/name`) at a commit (40 hex digits), or at `UNRESOLVED`."""

    repository: str
    sha: str

    @property
    def id(self) -> str:
        """`owner/name@commit`, or `owner/name` if the commit is unresolved."""
        return self.repository if self.sha == UNRESOLVED else f"{self.repository}@{self.sha}"

    @property
    def content(self) -> dict[str, JsonValue]:
        """The part of a key that identifies the repository."""
        return {"hub": self.repository, "commit": self.sha}


def commits_in(content: JsonValue) -> Iterator[Commit]:
    """Yield the hub repositories in a part of a key, at any depth."""
    if isinstance(content, dict):
        if {"hub", "commit"} <= content.keys():
            yield Commit(str(content["hub"]), str(content["commit"]))
        for part in content.values():
            yield from commits_in(part)
    elif isinstance(content, list):
        for part in content:
            yield from commits_in(part)


def resolve(name: str) -> Commit:
    """Return the commit of a hub id: of the revision after its `@`, or else of the branch main.

    If the hub cannot be reached, the local cache is used. If the cache does not know the commit either, the result is
    `UNRESOLVED`: the study can be planned, but loading the model fails with a message.

    Raises:
        DataError: the hub has no such repository or revision.
    """
    repository, revision = split_revision(name)
    return Commit(repository, _sha(repository, revision or "main"))


def cached_snapshot(repository: str) -> Commit | None:
    """Return the commit of the branch main whose files are in the local cache, without asking the hub."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    sha = _cached_commit(cache, repository, "main")
    if sha is None or not is_folder(_folder(cache, repository) / "snapshots" / sha):
        return None
    return Commit(repository, sha)


def list_files(repository: str, revision: str | None, cached: bool = True) -> list[str]:
    """Return the names of the files of a hub repository.

    If the hub cannot be asked, they are those of the files in the local cache, which need not be all; with `cached`
    false, there are none.
    """
    from huggingface_hub import HfApi, constants

    if not constants.HF_HUB_OFFLINE:
        try:
            with _silent():
                info = HfApi().model_info(repository, revision=revision, timeout=_TIMEOUT)
            return [file.rfilename for file in info.siblings or ()]
        except Exception:  # a network can fail in many ways
            logging.getLogger(__name__).debug("the hub does not answer", exc_info=True)
    if not cached:
        return []
    snapshot = _folder(Path(constants.HF_HUB_CACHE), repository) / "snapshots" / _sha(repository, revision or "main")
    return [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]


def is_reachable(repository: str) -> bool:
    """Return whether the hub has a repository, within a few seconds; False in offline mode."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    found: list[str] = []

    def ask() -> None:
        with suppress(DataError):  # the hub answers, but does not have the repository
            found.append(resolve(repository).sha)

    # A name server that does not answer takes longer than any timeout of a request.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return bool(found) and found[0] != UNRESOLVED


def check_resolved(content: JsonValue, name: str) -> None:
    """Raise DataError if a part of a key holds a commit that could not be resolved when the study was planned."""
    for commit in commits_in(content):
        if commit.sha == UNRESOLVED:
            raise DataError(
                f"the commit of {name!r} is unknown: the hub could not be reached when the study was planned, and the "
                f"model is not in the cache of this machine; run `hf download {commit.repository}` with network "
                "access, or give a local folder"
            )


def _sha(repository: str, revision: str) -> str:
    from huggingface_hub import constants

    if len(revision) == 40 and set(revision) <= set("0123456789abcdef"):
        return revision  # already a full commit hash
    query = (repository, revision, str(constants.HF_HUB_CACHE), bool(constants.HF_HUB_OFFLINE))
    if query not in _answers:
        sha = _query_hub(*query)
        if sha == UNRESOLVED:  # not cached: the network may be back next time
            return sha
        _answers[query] = sha
    return _answers[query]


_answers: dict[tuple[str, str, str, bool], str] = {}
"""Resolved commits of this process: each name is resolved once, so that a study is consistent."""


def _query_hub(repository: str, revision: str, cache: str, offline: bool) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if not offline:
        try:
            with _silent():
                sha = str(HfApi().model_info(repository, revision=revision, timeout=_TIMEOUT).sha or UNRESOLVED)
            _cache_answer(Path(cache), repository, revision, sha)
            return sha
        except HFValidationError as error:
            raise DataError(f"{repository!r} is neither a hub id nor a folder; check it") from error
        except GatedRepoError:
            pass
        except RevisionNotFoundError as error:
            raise DataError(f"{repository} has no revision {revision!r}; check the revision after the @") from error
        except RepositoryNotFoundError as error:
            if (cached := _cached_commit(Path(cache), repository, revision)) is not None:
                return cached
            raise DataError(
                f"the hub has no repository {repository} that you can access; check the id, or log in if it is private"
            ) from error
        except Exception:  # a network can fail in many ways
            logging.getLogger(__name__).debug("the hub does not answer", exc_info=True)
    return _cached_commit(Path(cache), repository, revision) or UNRESOLVED


_TIMEOUT = 10.0  # seconds
_PATIENCE = 4.0  # seconds, where the hub is one of several ways


def _cached_commit(cache: Path, repository: str, revision: str) -> str | None:
    """Return the commit that the local cache holds for a revision, or None."""
    file = _ref_file(cache, repository, revision)
    try:
        return (file.read_text("utf-8").strip() or None) if file and file.is_file() else None
    except (OSError, UnicodeDecodeError):
        return None


def _cache_answer(cache: Path, repository: str, revision: str, sha: str) -> None:
    """Write the commit of a revision into the local cache, for use without a network.

    The hub library does so only for models that it loads by the name of a branch. An existing entry is kept if only its
    snapshot is in the cache, because that snapshot still works without a network.
    """
    file, snapshots = _ref_file(cache, repository, revision), _folder(cache, repository) / "snapshots"
    if sha == UNRESOLVED or file is None:
        return
    before = _cached_commit(cache, repository, revision)
    if before and (snapshots / before).is_dir() and not (snapshots / sha).is_dir():
        return
    with suppress(OSError, StoreError):
        file.parent.mkdir(parents=True, exist_ok=True)
        # The hub library takes every file in `refs` for a branch, so the draft lies beside that folder.
        with draft_folder(_folder(cache, repository)) as drafts:
            write_text(file, sha, drafts=drafts)


def _ref_file(cache: Path, repository: str, revision: str) -> Path | None:
    """Return the file of the local cache that holds the commit of a branch; None if the name leads elsewhere."""
    if revision.startswith("/") or ".." in revision:
        return None
    return _folder(cache, repository) / "refs" / revision


def _folder(cache: Path, repository: str) -> Path:
    return cache / f"models--{repository.replace('/', '--')}"


@contextmanager
def _silent() -> Iterator[None]:
    """Silence the warnings of the hub library, which would be printed before our one-line message."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
