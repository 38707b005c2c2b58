"""Imports point one way, and the light ones stay light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import prettyuseful

ROOT = Path(prettyuseful.__file__).parent
# From the foot of the house to its roof: a module imports from its own layer's package and from layers before it.
LAYERS = (
    ("errors", "redaction", "memory", "formatting", "paths"),
    ("numerics", "student", "tensor_memory", "untrusted_text"),
    ("operations",),
    ("engine",),
    ("output_files",),
    ("hub", "plugins", "interface_checks"),
    ("registry",),
    ("aesthetics", "cards"),
    ("fields", "metrics"),
    ("data",),
    ("endpoints",),
    ("tasks", "prompts", "generators", "training"),
    ("transforms", "encoders", "tuning"),
    ("checks", "diagnosis", "selection"),
    ("study", "steps"),
    ("bundled_studies", "records"),
    ("plan", "analysis"),
    ("names", "report"),
    ("results", "adaptive"),
    ("run",),
    ("auditing", "forecasting"),
    ("console",),
    ("cli",),
    ("gpu_check",),
)
LAYER_OF = {name: level for level, names in enumerate(LAYERS) for name in names}
# Neighbours in one layer that may see each other, one way.
ALLOWED = {("redaction", "errors"), ("memory", "errors")}


@cache
def imported(path: Path) -> frozenset[str]:
    """Modules that are imported anywhere in a file: at its top, within a function, or for types alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names)


def modules() -> dict[str, set[str]]:
    """Every module of the package but its front door, with the modules of the package that it imports."""
    files = {
        ".".join(("prettyuseful", *path.relative_to(ROOT).with_suffix("").parts)): path for path in ROOT.rglob("*.py")
    }
    names = {name.removesuffix(".__init__"): path for name, path in files.items() if name != "prettyuseful.__init__"}
    return {
        name: {other for other in imported(path) if other in names and other != name} for name, path in names.items()
    }


def test_every_import_points_down() -> None:
    wrong = []
    for name, others in modules().items():
        own = name.split(".")[1]
        for other in sorted(others):
            level = other.split(".")[1]
            if level != own and LAYER_OF[level] >= LAYER_OF[own] and (own, level) not in ALLOWED:
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even for types: what two modules both need lies below them."""
    graph = {
        name: {other for other in others if not name.startswith(f"{other}.")} for name, others in modules().items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_the_engine_knows_nothing_of_images() -> None:
    below = {"errors", "redaction", "memory", "numerics", "untrusted_text", "engine"}
    for path in (ROOT / "engine").rglob("*.py"):
        own = {module for module in imported(path) if module.startswith("prettyuseful.")}
        assert {module.split(".")[1] for module in own} <= below, path


def test_only_its_workers_know_of_ray() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if any(module.split(".")[0] == "ray" for module in imported(path))
    }
    assert {Path(name).stem for name in knowing} == {"ray", "ray_cluster", "ray_observers"}


HEAVY = {
    "torch", "ray", "diffusers", "pyarrow", "plotly", "numpy", "pydantic", "sklearn", "skimage", "scipy.stats", "pandas"
}  # fmt: skip


def heavy_modules_after(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return HEAVY & set(found.stderr.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert heavy_modules_after("import prettyuseful") == set()


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['prettyuseful', '--help']; from prettyuseful.cli import main; main()"
    assert heavy_modules_after(code) == set()


def test_planning_a_study_loads_no_library_that_takes_seconds() -> None:
    """The plan of the demonstration looks at the sizes of photographs."""
    code = "from prettyuseful import bundled_study, make_plan; make_plan(bundled_study('demo'))"
    assert heavy_modules_after(code) <= {"pyarrow", "numpy", "pydantic"}


def test_planning_a_study_of_a_pipeline_does_not_load_it(pipeline_folder: Path) -> None:
    study = {
        "version": 1,
        "task": "photos",
        "metrics": [],
        "datasets": {"a": {"generator": str(pipeline_folder), "images_per_class": 8}},
    }
    code = f"from prettyuseful import make_plan, parse_study; make_plan(parse_study({json.dumps(json.dumps(study))}))"
    assert heavy_modules_after(code) <= {"pyarrow", "numpy", "pydantic"}


def test_public_names_are_there() -> None:
    for name in prettyuseful.__all__:
        assert getattr(prettyuseful, name) is not None
