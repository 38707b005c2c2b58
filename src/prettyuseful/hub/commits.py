"""From a name on the model hub to the commit that it stands for now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from prettyuseful.engine.durable import replace_text
from prettyuseful.errors import DataError
from prettyuseful.hub.ids import split_revision

UNRESOLVED = "unresolved"
"""Stands for the commit where neither the hub nor the cache could be asked."""


@dataclass(frozen=True)
class Commit:
    """A repository of the hub (`owner/name`) at a commit (40 hex digits), or at `UNRESOLVED`."""

    repository: str
    sha: str

    @property
    def id(self) -> str:
        """`owner/name@commit`, as everything that loads models takes it; the bare id if it is not resolved."""
        return self.repository if self.sha == UNRESOLVED else f"{self.repository}@{self.sha}"

    @property
    def content(self) -> dict[str, JsonValue]:
        """What stands for the repository in a key."""
        return {"hub": self.repository, "commit": self.sha}


def commits_in(content: JsonValue) -> Iterator[Commit]:
    """The repositories of the hub that a key's part holds, at any depth."""
    if isinstance(content, dict):
        if {"hub", "commit"} <= content.keys():
            yield Commit(str(content["hub"]), str(content["commit"]))
        for part in content.values():
            yield from commits_in(part)
    elif isinstance(content, list):
        for part in content:
            yield from commits_in(part)


def resolve(name: str) -> Commit:
    """The commit that a hub id stands for: of the revision behind its `@`, or else of the branch main.

    The hub is asked; where it cannot be reached, the cached snapshot decides. Where there is none either, the commit is
    `UNRESOLVED`: a plan can still be shown, and loading the model says what is missing.

    Raises:
        DataError: the hub has no such repository, or no such revision.
    """
    repository, revision = split_revision(name)
    return Commit(repository, _sha(repository, revision or "main"))


def check_resolved(content: JsonValue, name: str) -> None:
    """Raises DataError if a key's part holds a commit that could not be resolved when the study was planned."""
    for commit in commits_in(content):
        if commit.sha == UNRESOLVED:
            raise DataError(
                f"the commit of {name!r} is not known: the hub could not be reached when the study was planned, and "
                f"the model is not in this machine's cache; run `hf download {commit.repository}` where there is a "
                "network, or name a local folder"
            )


def _sha(repository: str, revision: str) -> str:
    from huggingface_hub import constants

    if len(revision) == 40 and set(revision) <= set("0123456789abcdef"):
        return revision  # a commit of full length is its own answer
    asked = (repository, revision, str(constants.HF_HUB_CACHE), bool(constants.HF_HUB_OFFLINE))
    if asked not in _answers:
        sha = _asked(*asked)
        if sha == UNRESOLVED:  # the next time there may be a network
            return sha
        _answers[asked] = sha
    return _answers[asked]


_answers: dict[tuple[str, str, str, bool], str] = {}
"""A process asks for each name once: a study has one answer."""


def _asked(repository: str, revision: str, cache: str, offline: bool) -> str:
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
                sha = str(HfApi().model_info(repository, revision=revision, timeout=_PATIENCE).sha or UNRESOLVED)
            _note(Path(cache), repository, revision, sha)
            return sha
        except HFValidationError as error:
            raise DataError(f"{repository!r} is no id of the model hub, and no folder is there; check it") from error
        except GatedRepoError:
            pass
        except RevisionNotFoundError as error:
            raise DataError(f"{repository} has no revision {revision!r}; check what stands behind the @") from error
        except RepositoryNotFoundError as error:
            if (found := _cached(Path(cache), repository, revision)) is not None:
                return found
            raise DataError(
                f"the hub has no repository {repository} that you may read; check the id, or log in if it is private"
            ) from error
        except Exception:  # a network may fail in any way
            logging.getLogger(__name__).debug("the hub does not answer", exc_info=True)
    return _cached(Path(cache), repository, revision) or UNRESOLVED


_PATIENCE = 10.0  # seconds for an answer of a few lines


def _cached(cache: Path, repository: str, revision: str) -> str | None:
    """The commit of the snapshot that the cache holds under a revision."""
    try:
        return _reference(cache, repository, revision).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _note(cache: Path, repository: str, revision: str, sha: str) -> None:
    """Keeps the answer for times without a network: the library does so only for what it loads by a branch's name.

    Not where the branch's last snapshot is in the cache and the new one is not: without a network, it still serves.
    """
    if sha == UNRESOLVED or ".." in revision:
        return
    file, snapshots = _reference(cache, repository, revision), _folder(cache, repository) / "snapshots"
    before = _cached(cache, repository, revision)
    if before and (snapshots / before).is_dir() and not (snapshots / sha).is_dir():
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, sha)


def _reference(cache: Path, repository: str, revision: str) -> Path:
    """Where the library's cache keeps the commit that a branch stands for."""
    return _folder(cache, repository) / "refs" / revision


def _folder(cache: Path, repository: str) -> Path:
    return cache / f"models--{repository.replace('/', '--')}"


@contextmanager
def _silent() -> Iterator[None]:
    """The library's warnings would stand before our one line."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
