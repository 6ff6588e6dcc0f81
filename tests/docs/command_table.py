# Licensed under the Apache License, Version 2.0.
"""How each command and each piece of Python in the documentation is tried.

What stands in none of these tables is run as it is, if it is `python` with a script of
this project or with one of its modules, and fails the test otherwise.
"""

# Words put at the end of all commands of a script, so that they take seconds.
# Of a flag that is given twice the last counts.
EXTRA_FLAGS = {
    "train.py": (
        "--training_number_of_steps=2",
        "--train_batch_size=2",
        "--train_crop_size=65,65",
    ),
    "-m deeplab_tf.cli.tune_crf": (
        "--bilateral_weight=4",
        "--bilateral_xy=30,50",
        "--bilateral_rgb=3",
        "--iterations=1",
        "--max_images=1",
    ),
    "datasets/build_shapes_data.py": (
        "--num_train=4",
        "--num_val=2",
        "--image_size=65",
    ),
}

# Commands of pip and what keeps them off the network and out of this environment. They
# run in a copy of the checkout.
PIP_FLAGS = {
    "python -m pip wheel --no-deps --wheel-dir=dist .": ("--no-build-isolation",),
    "python -m pip install dist/deeplab_tf-0.1.0-py3-none-any.whl": (
        "--no-deps",
        "--target=installed",
    ),
}

# Commands that are the work of make: the Makefile has the target, or the line, in
# which its variables stand for what the documentation spells out.
MADE = {
    "make demo": "\ndemo: $(STAMP)\n",
    "make test": "\ntest: $(STAMP) $(CRF_STAMP)\n",
    "make lint": "\nlint: $(STAMP)\n",
    "make faults": "\nfaults: $(STAMP)\n",
    "python3 -m venv .venv": "$(PYTHON) -m venv --clear $(VENV)",
    ".venv/bin/python -m pip install --constraint constraints.txt "
    "--editable '.[dev]'": (
        "$(BIN)/python -m pip install --quiet --disable-pip-version-check \\\n"
        "\t\t--constraint constraints.txt --editable '.[dev]'"
    ),
}

# Text in blocks of Python and what is tried in its place.
PYTHON_SUBSTITUTIONS = {
    'get_recipe("deeplab_v3plus_mobilenet_v2_shapes")': (
        'get_recipe("deeplab_v3plus_mobilenet_v2_shapes").override('
        '"train.steps=2", "train.batch_size=2", "train.max_eval_examples=2")'
    ),
    "evaluate(recipe, predict)": "evaluate(recipe, predict, max_examples=2)",
}

# Blocks of Python that hold this text need a process of their own.
OWN_PROCESS = ("KERAS_BACKEND",)
