# Licensed under the Apache License, Version 2.0.
import re
import subprocess
import sys

import pytest
from absl import flags as absl_flags

from deeplab_tf.cli import flags
from deeplab_tf.cli.flag_table import GONE, NOT_BUILT, TABLE
from tests.cli.command import parsed_flags, run_command

FLAGS = absl_flags.FLAGS

COMMON = "common.py"
KINDS = {
    "integer": "int",
    "float": "float",
    "string": "string",
    "boolean": "bool",
    "bool": "bool",
    "list": "comma separated list of strings",
    "enum": "string enum",
    "repeated integer": "multi int",
    "repeated float": "multi float",
}
# An argument of another value than the default, that the type allows.
SAMPLES = {
    "integer": "3",
    "float": "0.25",
    "string": "text",
    "boolean": "true",
    "bool": "true",
    "list": "33,65",
    "repeated integer": "7",
    "repeated float": "0.75",
}


def original_flags(reference, *scripts):
    """Yields (name, type, default) of the tables of flags of the original's scripts."""
    script = None
    for line in (reference / "facts" / "flags.md").read_text().splitlines():
        if line.startswith("## "):
            script = line[3:].split()[0]
        row = re.match(r"\| `(\w+)` \| ([\w ]+) \| (.+) \|$", line)
        if row and script in scripts:
            yield row[1], row[2], parse_default(row[3])


def parse_default(text):
    assert re.fullmatch(r"[\w\s./:*,\[\]'-]+", text), text
    return eval(text, {})


def check_flags(wanted):
    """Checks types and defaults of flags that are defined and not given."""
    for name, kind, default in wanted:
        assert name in FLAGS, name
        found = FLAGS[name]
        assert found.flag_type() == KINDS[kind], name
        if kind == "list" and default is not None:
            default = default.split(",")
        assert found.value == default, name


@pytest.mark.reference
@pytest.mark.parametrize("command", ["train", "eval", "vis", "export_model"])
def test_every_flag_of_the_original_has_its_type_and_default(command, reference):
    wanted = list(original_flags(reference, COMMON, f"{command}.py"))
    assert len(wanted) > 40
    with parsed_flags(command):
        check_flags(wanted)


@pytest.mark.reference
@pytest.mark.parametrize("command", ["train", "eval", "vis", "export_model"])
def test_every_flag_of_the_original_parses(command, reference):
    arguments = []
    for name, kind, _ in original_flags(reference, COMMON, f"{command}.py"):
        flag = next(flag for flag in TABLE if flag.name == name)
        sample = flag.kind[-1] if kind == "enum" else SAMPLES[kind]
        arguments.append(f"--{name}={sample}")
    with parsed_flags(command, *arguments):
        assert all(flags.is_given(argument[2:].split("=")[0]) for argument in arguments)


@pytest.mark.reference
def test_every_flag_of_the_original_converter_parses(reference):
    wanted = list(original_flags(reference, "convert_to_tflite.py"))
    assert len(wanted) == 5
    with parsed_flags("convert_to_tflite"):
        check_flags(wanted)
    arguments = [f"--{name}={SAMPLES[kind]}" for name, kind, _ in wanted]
    with parsed_flags("convert_to_tflite", *arguments):
        assert {FLAGS[name].value for name, *_ in wanted} == {"text"}


def test_our_table_names_each_flag_once():
    names = [flag.name for flag in TABLE]
    assert len(names) == len(set(names))


def test_lists_are_read_as_numbers():
    with parsed_flags("eval", "--eval_crop_size=65,97", "--atrous_rates=6"):
        assert flags.size("eval_crop_size") == (65, 97)
        assert flags.value("atrous_rates") == (6,)
        assert flags.given_model_options() == {"atrous_rates": (6,)}


@pytest.mark.parametrize(
    ("text", "word"), [("65", "height and a width"), ("a,b", "integers"), ("0,9", "0")]
)
def test_a_size_that_is_none_is_refused(text, word):
    with (
        parsed_flags("eval", f"--eval_crop_size={text}"),
        pytest.raises(ValueError, match=word) as error,
    ):
        flags.size("eval_crop_size")
    assert "--eval_crop_size" in str(error.value)


def test_what_is_not_built_is_refused_and_what_is_gone_is_warned_of(caplog):
    gone = {flag.name for flag in TABLE if flag.status == GONE}
    assert {"master", "num_ps_tasks", "save_inference_graph"} <= gone
    with parsed_flags("eval", "--master=local"):
        flags.check_unused()
    assert "--master has no meaning any more" in caplog.text
    not_built = {flag.name for flag in TABLE if flag.status == NOT_BUILT}
    assert "quantize_delay_step" in not_built
    with (
        parsed_flags("eval", "--quantize_delay_step=0"),
        pytest.raises(ValueError, match="--quantize_delay_step is not built yet"),
    ):
        flags.check_unused()


def test_the_default_of_a_flag_that_is_not_built_is_accepted():
    arguments = ["--quantize_delay_step=-1", "--prediction_with_upsampled_logits=true"]
    with parsed_flags("eval", *arguments, "--logits_kernel_size=1"):
        flags.check_unused()


@pytest.mark.parametrize("command", ["train", "eval", "vis", "export_model"])
def test_quantized_training_says_that_it_is_not_built(command):
    result = run_command(command, "--quantize_delay_step=0")
    assert result.code == 1
    assert result.err.startswith("error: --quantize_delay_step is not built yet")


@pytest.mark.parametrize("command", ["train", "eval", "vis", "export_model"])
def test_help_shows_the_flags_of_the_command(command):
    result = run_command(command, "--help")
    assert "--atrous_rates" in result.out
    assert "See deeplab_tf/cli" not in result.out


def test_commands_import_nothing_heavy_before_their_flags_are_read():
    names = ("train", "eval", "vis", "export_model", "predict", "convert")
    imports = ", ".join(f"deeplab_tf.cli.{name}" for name in names)
    code = f"import sys, {imports}; print({{'keras', 'tensorflow'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"
