"""Imports point one way, and the light ones stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import prettyuseful

ROOT = Path(prettyuseful.__file__).parent
# From the foot of the house to its roof: a module imports from its own layer's package and from layers before it.
LAYERS = (
    ("errors", "redaction", "memory", "formatting"),
    ("numerics",),
    ("engine",),
    ("hub", "plugins", "contract"),
    ("registry",),
    ("fields",),
    ("metrics",),
    ("data",),
    ("tasks", "prompts", "generators", "training"),
    ("transforms", "encoders"),
    ("diagnosis",),
    ("study", "steps"),
    ("studies", "records"),
    ("plan",),
    ("analysis", "names"),
    ("report",),
    ("results",),
    ("run",),
    ("auditing",),
    ("console",),
    ("cli",),
)
LAYER_OF = {name: level for level, names in enumerate(LAYERS) for name in names}
# Neighbours in one layer that may see each other, one way.
ALLOWED = {("redaction", "errors")}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "prettyuseful":
                yield from (f"prettyuseful.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        yield from imported(node)


def test_every_import_points_down() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts == ("__init__",):
            continue
        own = parts[0]
        for module in imported(ast.parse(path.read_text("utf-8"))):
            if not module.startswith("prettyuseful."):
                continue
            other = module.split(".")[1]
            if other != own and LAYER_OF[other] >= LAYER_OF[own] and (own, other) not in ALLOWED:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_the_engine_knows_nothing_of_images() -> None:
    below = {"errors", "redaction", "memory", "numerics", "engine"}
    for path in (ROOT / "engine").rglob("*.py"):
        own = {module for module in imported(ast.parse(path.read_text("utf-8"))) if module.startswith("prettyuseful.")}
        assert {module.split(".")[1] for module in own} <= below, path


def test_only_its_workers_know_of_ray() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if any(module.split(".")[0] == "ray" for module in imported(ast.parse(path.read_text("utf-8"))))
    }
    assert knowing == {"engine/workers/ray.py"}


def heavy_modules_after(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {"torch", "ray", "diffusers", "pyarrow", "plotly", "numpy", "pydantic"} & set(found.stderr.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert heavy_modules_after("import prettyuseful") == set()


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['prettyuseful', '--help']; from prettyuseful.cli import main; main()"
    assert heavy_modules_after(code) == set()


def test_planning_a_study_does_not_load_torch() -> None:
    code = "from prettyuseful import bundled_study, make_plan; make_plan(bundled_study('demo'))"
    assert "torch" not in heavy_modules_after(code)


def test_public_names_are_there() -> None:
    for name in prettyuseful.__all__:
        assert getattr(prettyuseful, name) is not None
