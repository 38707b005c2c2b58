"""Objects that a user names as `module:Class`, or `file.py:Class`: loaded from the folder at hand, known by content."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import import_module, util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean, one_line

_PLUGIN = re.compile(r"(?P<module>[\w./\\~-]+|.+\.py):(?P<attribute>[A-Za-z_]\w*)")


def is_plugin(name: str) -> bool:
    """Whether a name has the form `module:Class` or `file.py:Class`."""
    return _PLUGIN.fullmatch(name) is not None


def resolve_plugin_path(name: str, folder: Path) -> str:
    """The plug-in as `file.py:Class` if its file lies in `folder`, so that any process finds it again."""
    module, _, attribute = name.rpartition(":")
    file = folder / (module if module.endswith(".py") else module.replace(".", "/") + ".py")
    return f"{file.resolve()}:{attribute}" if file.is_file() else name


def load_plugin(name: str) -> Any:
    """The class that `name` stands for; its module's folder, or the working folder, joins the import path.

    Raises:
        UnknownNameError: no such module or attribute; or importing it failed, with the cause in one line.
    """
    module, _, attribute = name.rpartition(":")
    try:
        found = _from_file(name) if module.endswith(".py") else _from_path(module)
    except ModuleNotFoundError as error:
        if error.name == module.split(".")[0]:
            raise UnknownNameError(
                f"no module {module!r} for {name!r}; run from the folder that holds it, or install it"
            ) from None
        raise UnknownNameError(f"{name!r} cannot be imported: {error}; install what it needs") from error
    except UnknownNameError:
        raise
    except (Exception, SystemExit) as error:  # a plug-in's module may do anything
        said = one_line(str(error))
        raise UnknownNameError(f"{name!r} cannot be imported: {type(error).__name__}: {said}") from error
    if not hasattr(found, attribute):
        hint = did_you_mean(attribute, [known for known in vars(found) if not known.startswith("_")])
        raise UnknownNameError(f"module {module!r} has no {attribute!r}{hint}")
    return getattr(found, attribute)


def open_plugin(name: str, methods: Iterable[str], kind: str) -> Any:
    """An object of the class, made without arguments. `kind` is what `prettyuseful check` calls such classes.

    Raises:
        UserError: it cannot be made, or lacks one of the methods.
    """
    make = load_plugin(name)
    try:
        plugin = make()
    except (Exception, SystemExit) as error:  # a plug-in may do anything
        said = one_line(str(error))
        raise DataError(f"{plugin_id(name)}() failed: {type(error).__name__}: {said}") from error
    for method in methods:
        if not callable(getattr(plugin, method, None)):
            raise DataError(f"{plugin_id(name)} has no method {method!r}; see `prettyuseful check {kind}`")
    return plugin


def plugin_fingerprint(name: str) -> str:
    """Changes with the text of the plug-in's file and with the class's `version`, if it has one.

    What the class reads from elsewhere, such as weights, is not seen: it should raise its `version` when that changes.
    """
    plugin = load_plugin(name)
    module, _, attribute = name.rpartition(":")
    if module.endswith(".py"):
        file = _file(name)
    else:
        spec = util.find_spec(module)
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            raise DataError(f"{name!r} has no source file; put the class into a file of its own")
        file = Path(spec.origin)
    return digest([attribute, file_sha256(file), str(getattr(plugin, "version", ""))])


def plugin_id(name: str) -> str:
    """`module:Class` without the folder: what records call it."""
    module, attribute = name.rpartition(":")[::2]
    return f"{Path(module).stem if module.endswith('.py') else module}:{attribute}"


def _file(name: str) -> Path:
    module = name.rpartition(":")[0]
    file = Path(module).expanduser().resolve()
    if not file.is_file():
        raise UnknownNameError(f"no file {module} for {name!r}; check the path")
    return file


def _from_path(module: str) -> ModuleType:
    _join_path(Path.cwd())
    return import_module(module)


def _from_file(name: str) -> ModuleType:
    """The module of a file, under a name that no other file has, nor this one with another text."""
    file = _file(name)
    packages: list[str] = []
    folder = file.parent
    while (folder / "__init__.py").is_file():
        packages.insert(0, folder.name)
        folder = folder.parent
    _join_path(folder)
    module_name = ".".join([*packages, f"{file.stem}_{digest([str(file), file_sha256(file)])[:16]}"])
    if module_name not in sys.modules:
        spec = util.spec_from_file_location(module_name, file, loader=_Loader(module_name, str(file)))
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[module_name] = util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
    return sys.modules[module_name]


class _Loader(SourceFileLoader):
    """Reads the text, not what Python made of it before: compiled files are told apart by seconds and length."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        return self.source_to_code(self.get_data(self.path), self.path)


def _join_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
