"""User-defined classes and objects, named as `module:Name` or `file.py:Name`: import and fingerprint."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from importlib import import_module, util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.redaction.exceptions import describe_error, message_of

_PLUGIN = re.compile(r"(?P<module>[\w./\\~-]+|.+\.py):(?P<attribute>[A-Za-z_]\w*)")


def is_plugin(name: str) -> bool:
    """Return whether `name` has the form `module:Name` or `file.py:Name`."""
    return _PLUGIN.fullmatch(name) is not None


def resolve_plugin_path(name: str, folder: Path) -> str:
    """Return `name` with the absolute path of its file if `folder` contains it, so that any process can import it."""
    module, _, attribute = name.rpartition(":")
    file = folder / (module if module.endswith(".py") else module.replace(".", "/") + ".py")
    return f"{file.resolve()}:{attribute}" if file.is_file() else name


def load_plugin(name: str) -> Any:
    """Import the object `name`. This adds the folder of its file, or the working folder, to the import path.

    Raises:
        UnknownNameError: the module or attribute does not exist, or the import failed; the message states the cause.
    """
    module, _, attribute = name.rpartition(":")
    try:
        imported = _import_file(name) if module.endswith(".py") else _import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module.split(".")[0]:
            raise UnknownNameError(
                f"no module {module!r} for {name!r}; run in the folder that contains it, or install it"
            ) from None
        message = message_of(error)
        raise UnknownNameError(f"cannot import {name!r}: {message}; install the missing package") from error
    except (UnknownNameError, KeyboardInterrupt):
        raise
    except BaseException as error:  # user-defined code may raise anything
        raise UnknownNameError(f"cannot import {name!r}: {describe_error(error)}") from error
    if not hasattr(imported, attribute):
        hint = did_you_mean(attribute, [known for known in vars(imported) if not known.startswith("_")])
        raise UnknownNameError(f"module {module!r} has no {attribute!r}{hint}")
    return getattr(imported, attribute)


def instantiate_plugin(name: str, methods: Iterable[str], kind: str) -> Any:
    """Return an instance of the class `name`, created without arguments.

    Args:
        name: `module:Class` or `file.py:Class`.
        methods: names of methods that the class must have.
        kind: the kind of class, as in `prettyuseful check KIND`.

    Raises:
        UserError: the class cannot be imported or instantiated, or lacks a method.
    """
    plugin_class = load_plugin(name)
    try:
        plugin = plugin_class()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # user-defined code may raise anything
        raise DataError(f"{plugin_id(name)}() failed: {describe_error(error)}") from error
    for method in methods:
        if not callable(getattr(plugin, method, None)):
            raise DataError(f"{plugin_id(name)} has no method {method!r}; see `prettyuseful check {kind}`")
    return plugin


def plugin_fingerprint(name: str) -> str:
    """Return a digest of the source file of `name` and of its attribute `version`, if it has one.

    The digest does not cover other files that the class reads, such as weights. When these change, change `version`.
    """
    plugin = load_plugin(name)
    module, _, attribute = name.rpartition(":")
    if module.endswith(".py"):
        file = _plugin_file(name)
    else:
        spec = util.find_spec(module)
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            raise DataError(f"{name!r} has no source file; define it in a .py file")
        file = Path(spec.origin)
    return digest([attribute, file_sha256(file), str(getattr(plugin, "version", ""))])


def plugin_id(name: str) -> str:
    """Return `module:Name` without the folder, as records and messages show it."""
    module, attribute = name.rpartition(":")[::2]
    return f"{Path(module).stem if module.endswith('.py') else module}:{attribute}"


def _plugin_file(name: str) -> Path:
    module = name.rpartition(":")[0]
    file = Path(os.path.realpath(Path(module).expanduser()))
    if not file.is_file():
        raise UnknownNameError(f"no file {module} for {name!r}; check the path")
    return file


def _import_module(module: str) -> ModuleType:
    _add_to_import_path(Path.cwd())
    return import_module(module)


def _import_file(name: str) -> ModuleType:
    """Import a file under a module name made of its path and content, so that an edited file is a new module."""
    file = _plugin_file(name)
    packages: list[str] = []
    folder = file.parent
    while (folder / "__init__.py").is_file():
        packages.insert(0, folder.name)
        folder = folder.parent
    _add_to_import_path(folder)
    module_name = ".".join([*packages, f"{file.stem}_{digest([str(file), file_sha256(file)])[:16]}"])
    if module_name not in sys.modules:
        spec = util.spec_from_file_location(module_name, file, loader=_SourceLoader(module_name, str(file)))
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[module_name] = util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
    return sys.modules[module_name]


class _SourceLoader(SourceFileLoader):
    """Always compiles the source: Python would reuse a cached .pyc file of the same modification second and length."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        return self.source_to_code(self.get_data(self.path), self.path)


def _add_to_import_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
