# Licensed under the Apache License, Version 2.0.
"""The package as a whole: lazy import, public names, the wheel."""

import importlib.util
import os
import subprocess
import sys
import zipfile

import pytest

import deeplab_tf

CHECK_LAZY = """
import sys
import deeplab_tf
heavy = {"tensorflow", "keras", "tensorflow_datasets", "numpy", "jax", "absl"}
print(sorted(heavy & set(sys.modules)))
"""

CHECK_NETWORKS = """
import importlib, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorflow_datasets"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Block())
import deeplab_tf
for name in sys.argv[1:]:
    getattr(deeplab_tf, name)
print("tensorflow" in sys.modules)
"""

# Names that a user without TensorFlow may take.
BACKEND_FREE = (
    "ASPP",
    "AtrousConv",
    "AtrousSeparableConv",
    "BatchNorm",
    "BoundaryIoU",
    "Decoder",
    "DeepLabV3Config",
    "DeepLabV3PlusConfig",
    "ImagePooling",
    "MobileNetV2Config",
    "Recipe",
    "SoftmaxCrossEntropy",
    "Trimap",
    "build_backbone",
    "build_model",
    "get_recipe",
)

CHECK_WHEEL = """
import pathlib, sys
import deeplab_tf
assert pathlib.Path(deeplab_tf.__file__).is_relative_to(sys.argv[1]), deeplab_tf
recipe = deeplab_tf.get_recipe("deeplab_v3_mobilenet_v2_voc2012")
model = deeplab_tf.build_model(recipe.model)
print(model.count_params())
"""


def run_python(code, *arguments, cwd=None, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {key: str(value) for key, value in environment.items()},
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_is_lazy():
    assert run_python(CHECK_LAZY) == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("name", deeplab_tf.__all__)
def test_public_name_is_there_and_documented(name):
    public = getattr(deeplab_tf, name)
    assert public.__doc__
    assert name in dir(deeplab_tf)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        deeplab_tf.nothing  # noqa: B018


@pytest.mark.slow
def test_networks_are_there_without_tensorflow():
    assert set(BACKEND_FREE) <= set(deeplab_tf.__all__)
    output = run_python(CHECK_NETWORKS, *BACKEND_FREE, KERAS_BACKEND="jax")
    assert output == "False"


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Builds the wheel from a copy, so that nothing is written into the checkout."""
    source = tmp_path_factory.mktemp("source")
    target = tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "deeplab_tf"):
        subprocess.run(["cp", "-r", root / name, source], check=True)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, target],
        cwd=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = target.glob("*.whl")
    return path


# The build backend of setuptools called directly: needs no network and no pip.
BUILD = """
import sys, setuptools.build_meta
setuptools.build_meta.build_wheel(sys.argv[1])
"""


@pytest.mark.slow
def test_wheel_holds_the_package_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"deeplab_tf"}
    assert "deeplab_tf/py.typed" in names
    assert "deeplab_tf/data/catalog/__init__.py" in names


@pytest.mark.slow
def test_wheel_names_its_commands(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith("entry_points.txt")]
    commands = archive.read(name).decode()
    for line in commands.splitlines():
        if "=" not in line:
            continue
        module, _, function = line.partition("=")[2].strip().partition(":")
        assert function == "main"
        assert importlib.util.find_spec(module), line
    assert "deeplab-summary = deeplab_tf.cli.summary:main" in commands


@pytest.mark.slow
def test_wheel_works_outside_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    output = run_python(CHECK_WHEEL, site, cwd=tmp_path, PYTHONPATH=site)
    assert output == "2146645"
