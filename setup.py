# Licensed under the Apache License, Version 2.0.
"""Packaging of deeplab_tf; tool settings are in pyproject.toml."""

import pathlib

from setuptools import find_packages, setup

EXTRAS = {
    "crf": ["pydensecrf2"],
    "torch": ["torch"],
    "onnx": ["onnx", "tf2onnx"],
    "dev": ["jax", "jaxlib", "mypy", "pytest", "pytest-xdist", "ruff", "setuptools"],
}

setup(
    name="deeplab-tf",
    version="0.1.0",
    description="The DeepLab family of segmentation networks on TensorFlow and Keras 3",
    long_description=pathlib.Path(__file__).with_name("README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["deeplab_tf", "deeplab_tf.*"]),
    package_data={"deeplab_tf": ["py.typed"]},
    install_requires=[
        "tensorflow>=2.21",
        "keras>=3.12",
        "numpy",
        "absl-py",
        "pillow",
        "tensorflow-datasets",
        # tensorflow-datasets needs it to prepare data and does not say so.
        "importlib_resources",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": [
            "deeplab-train = deeplab_tf.cli.train:main",
            "deeplab-eval = deeplab_tf.cli.eval:main",
            "deeplab-vis = deeplab_tf.cli.vis:main",
            "deeplab-predict = deeplab_tf.cli.predict:main",
            "deeplab-export = deeplab_tf.cli.export_model:main",
            "deeplab-convert = deeplab_tf.cli.convert:main",
            "deeplab-summary = deeplab_tf.cli.summary:main",
            "deeplab-tune-crf = deeplab_tf.cli.tune_crf:main",
            "deeplab-demo = deeplab_tf.cli.demo:main",
        ]
    },
)
