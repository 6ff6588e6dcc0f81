# Licensed under the Apache License, Version 2.0.
import errno

import pytest
import tensorflow as tf

from deeplab_tf.cli import reporting
from tests.cli.command import run_command
from tests.conftest import ROOT

COMMANDS = [
    path.stem
    for path in sorted((ROOT / "deeplab_tf" / "cli").glob("*.py"))
    if '__name__ == "__main__"' in path.read_text("utf-8")
]


@pytest.mark.parametrize("name", COMMANDS)
def test_messages_of_a_command_are_shown_however_it_is_started(name):
    # Under `python -m` its __name__ is another.
    text = (ROOT / "deeplab_tf" / "cli" / f"{name}.py").read_text("utf-8")
    assert "getLogger(__name__)" not in text


def test_an_error_of_the_system_names_file_and_cause(tmp_path):
    with pytest.raises(OSError) as error:
        (tmp_path / "absent").read_text()
    text = reporting.describe(error.value)
    assert text == f"{tmp_path / 'absent'}: No such file or directory."


def test_a_full_disk_says_what_to_do():
    error = OSError(errno.ENOSPC, "No space left on device")
    text = reporting.describe(error)
    assert text == "No space left on device. Make room on the disk."


def test_an_error_without_text_is_named():
    assert reporting.describe(MemoryError()) == "MemoryError"


def test_a_check_of_ours_inside_tensorflow_is_bad_input_in_our_words():
    def check(x):
        with tf.control_dependencies([tf.debugging.Assert(x < 0, ["Damaged: a [b]."])]):
            return x + 1

    data = tf.data.Dataset.range(1).map(check)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        next(iter(data))
    assert reporting.is_bad_input(error.value)
    assert reporting.describe(error.value) == "Damaged: a [b]."


def test_numbers_that_are_none_inside_a_graph_are_bad_input_in_our_words():
    @tf.function
    def check(x):
        return tf.debugging.assert_all_finite(x, "The scores must be finite.")

    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        check(tf.constant([1.0, float("nan")]))
    assert reporting.is_bad_input(error.value)
    assert reporting.describe(error.value) == "The scores must be finite."


def test_a_fault_in_the_code_is_no_bad_input():
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.reshape(tf.zeros([3]), [2])
    assert not reporting.is_bad_input(error.value)
    assert not reporting.is_bad_input(TypeError("fault"))
    assert reporting.is_bad_input(ValueError("input"))


def test_an_argument_without_a_flag_is_refused():
    result = run_command("eval", "checkpoint_dir=run")
    assert result.code == 1
    assert result.err.startswith("error: unexpected argument 'checkpoint_dir=run'")


@pytest.mark.parametrize(
    ("command", "argument", "word"),
    [
        ("train", "--optimizer=lion", "momentum|adam"),
        ("train", "--training_number_of_steps=many", "training_number_of_steps"),
        ("eval", "--no_such_flag=1", "no_such_flag"),
        ("vis", "--colormap_type=rainbow", "pascal|cityscapes|ade20k"),
        ("export_model", "--format=onyx", "saved_model|tflite"),
    ],
)
def test_an_unknown_flag_or_value_says_what_there_is(command, argument, word):
    result = run_command(command, argument)
    assert result.code == 1
    assert word in result.err


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("train", "--train_logdir"),
        ("eval", "--eval_logdir"),
        ("vis", "--vis_logdir"),
        ("export_model", "--checkpoint_path"),
        ("predict", "--checkpoint_path"),
    ],
)
def test_a_missing_flag_is_named(command, missing):
    result = run_command(command)
    assert result.code == 1
    assert result.err.startswith(f"error: {missing}")
