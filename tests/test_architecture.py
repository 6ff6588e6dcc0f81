# Licensed under the Apache License, Version 2.0.
"""Who may import whom, and what no module may do; read from the source with `ast`."""

import ast
import dataclasses
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "deeplab_tf"

# Package -> packages of ours that it may import, itself aside. A dot names the one
# module of a package that may be imported. Imports flow one way.
_SETTINGS = {"config", "structures"}
_NETWORKS = _SETTINGS | {"layers", "backbones", "models"}
_PARTS = {"data", "losses", "metrics", "inference", "checkpoints", "visualization"}
MAY_IMPORT = {
    "__init__": set(),
    "structures": set(),
    "config": {"structures"},
    "layers": _SETTINGS,
    "backbones": _SETTINGS | {"layers"},
    "models": _SETTINGS | {"layers", "backbones"},
    "data": _SETTINGS,
    "checkpoints": _SETTINGS,
    "visualization": _SETTINGS,
    "losses": _SETTINGS | {"layers.resize"},
    "metrics": _SETTINGS | {"layers.resize"},
    "inference": _SETTINGS | {"layers.resize"},
    "evaluation": _NETWORKS | _PARTS,
    "training": _NETWORKS | _PARTS | {"evaluation"},
    "export": _NETWORKS | {"inference", "checkpoints"},
    "recipes": {"config", "losses"},
    "pretrained": _NETWORKS | {"checkpoints"},
}
MAY_IMPORT["cli"] = set(MAY_IMPORT)

# They run on any backend of Keras.
BACKEND_FREE = ("layers", "backbones", "models", "losses", "metrics")
# Where TensorFlow has a better operation: inside functions of these.
TENSORFLOW_INSIDE = (
    "layers/resize.py",
    "layers/batch_norm.py",
    "layers/convolution.py",
)
# Not installed everywhere: imported inside functions alone.
OPTIONAL = {"torch", "onnx", "tf2onnx", "pydensecrf", "tensorflow_datasets", "jax"}
# A reader of a configuration needs none of these.
HEAVY = {"tensorflow", "keras", "numpy", "jax", "torch"}
NO_NAMES = {"utils", "common", "helpers", "misc", "core", "base", "lib", "heads"}

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
LICENCE = "# Licensed under the Apache License, Version 2.0.\n"


@dataclasses.dataclass(frozen=True)
class Import:
    """One import: its full name, where, and whether inside a function."""

    name: str
    line: int
    inside: bool

    @property
    def top(self):
        return self.name.partition(".")[0]


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def scripts():
    folders = (ROOT / "datasets", ROOT / "benchmarks")
    found = [path for folder in folders for path in folder.rglob("*.py")]
    return sorted([*ROOT.glob("*.py"), *found])


def files_of_tests():
    return sorted((ROOT / "tests").rglob("*.py"))


def each(paths):
    """Parametrizes a test over files, by their names."""
    names = [str(path.relative_to(ROOT)) for path in paths]
    return pytest.mark.parametrize("path", paths, ids=names)


def find_imports(path, *, source=None):
    """Returns all imports of a file; `from a import b` counts as a.b."""
    tree = ast.parse(path.read_text("utf-8") if source is None else source)
    found = []

    def visit(node, inside):
        if isinstance(node, ast.Import):
            found.extend(Import(a.name, node.lineno, inside) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found.extend(
                Import(f"{node.module}.{a.name}", node.lineno, inside)
                for a in node.names
            )
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside or isinstance(node, functions))

    visit(tree, inside=False)
    return found


def package_of(path):
    """Returns the part of DESIGN's table that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def may_import(package, name):
    """Returns whether `package` may import our module of the given full name."""
    parts = name.split(".")[1:]
    if not parts:
        return True
    allowed = MAY_IMPORT[package] | {package}
    return parts[0] in allowed or ".".join(parts[:2]) in allowed


@each(modules())
def test_imports_flow_one_way(path):
    package = package_of(path)
    assert package in MAY_IMPORT, f"{package} has no place in the table of imports"
    for found in find_imports(path):
        if found.top == "deeplab_tf":
            assert may_import(package, found.name), (
                f"line {found.line}: {package} may not import {found.name}"
            )


def test_table_has_no_circle():
    order = []
    while len(order) < len(MAY_IMPORT):
        free = [
            package
            for package, allowed in MAY_IMPORT.items()
            if package not in order
            and {name.partition(".")[0] for name in allowed} <= {*order, package}
        ]
        assert free, f"a circle among {set(MAY_IMPORT) - set(order)}"
        order += free


@pytest.mark.parametrize(
    ("package", "name", "expected"),
    [
        ("layers", "deeplab_tf.backbones.Backbone", False),
        ("layers", "deeplab_tf.config.aspp.ASPPConfig", True),
        ("losses", "deeplab_tf.layers.resize", True),
        ("losses", "deeplab_tf.layers.resize.resize_bilinear", True),
        ("losses", "deeplab_tf.layers.aspp.ASPP", False),
        ("losses", "deeplab_tf.metrics", False),
        ("evaluation", "deeplab_tf.training.train", False),
        ("cli", "deeplab_tf.training.train", True),
        ("data", "deeplab_tf.cli.flags", False),
    ],
)
def test_table_is_read_as_it_is_written(package, name, expected):
    assert may_import(package, name) is expected


def test_imports_inside_functions_are_told_apart():
    source = "import a\ndef f():\n    from b import c\n    class D:\n        import e\n"
    found = find_imports(PACKAGE, source=source)
    assert found == [
        Import("a", 1, False),
        Import("b.c", 3, True),
        Import("e", 5, True),
    ]


@each(modules())
def test_flags_are_read_in_the_command_line_alone(path):
    if package_of(path) != "cli":
        assert "absl" not in {found.top for found in find_imports(path)}


@each([*modules(), *scripts()])
def test_optional_packages_are_imported_inside_functions(path):
    outside = {found.top for found in find_imports(path) if not found.inside}
    assert not outside & OPTIONAL


@each([path for path in modules() if package_of(path) in BACKEND_FREE])
def test_tensorflow_is_not_needed_for_networks(path):
    for found in find_imports(path):
        if found.top == "tensorflow":
            assert found.inside, f"line {found.line}: tensorflow outside a function"
            assert str(path.relative_to(PACKAGE)) in TENSORFLOW_INSIDE


@each([path for path in modules() if package_of(path) in ("config", "structures")])
def test_configurations_need_nothing(path):
    assert not {found.top for found in find_imports(path)} & HEAVY


@each([path for path in modules() if package_of(path) != "cli"])
def test_library_neither_prints_nor_exits(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in {"print", "exit", "quit", "sys.exit", "os._exit"}, (
                f"line {node.lineno}: {name}"
            )


@each(modules())
def test_names_are_ideas(path):
    assert not NO_NAMES & {*path.relative_to(PACKAGE).with_suffix("").parts}


@each(
    [
        path
        for path in [*modules(), *scripts(), *files_of_tests()]
        if path.stat().st_size
    ]
)
def test_files_are_short(path):
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= MAX_FILE_LINES


@each([*modules(), *scripts()])
def test_functions_are_short(path):
    """Signature and docstring do not count: they grow with the arguments."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                first = node.body[min(1, len(node.body) - 1)]
            length = node.end_lineno - first.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


@each([*modules(), *scripts()])
def test_files_begin_with_the_licence_and_a_docstring(path):
    text = path.read_text("utf-8")
    first = text.removeprefix("#!/usr/bin/env python3\n")
    assert first.startswith(LICENCE)
    assert ast.get_docstring(ast.parse(text))
