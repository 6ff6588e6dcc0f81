# Licensed under the Apache License, Version 2.0.
"""Says what took the place of the original's convert_to_tflite.py.

The original converts a frozen graph of its own; here export_model.py writes the TFLite
file from the checkpoint, and compares it with the network.
"""

from absl import flags as absl_flags

from deeplab_tf.cli.reporting import run_main


def define_flags() -> None:
    """Defines the flags of the original."""
    absl_flags.DEFINE_string("quantized_graph_def_path", None, "A frozen graph.")
    absl_flags.DEFINE_string("output_tflite_path", None, "The TFLite file.")
    absl_flags.DEFINE_string("input_tensor_name", None, "Input of the graph.")
    absl_flags.DEFINE_string("output_tensor_name", "ArgMax:0", "Output of the graph.")
    absl_flags.DEFINE_string("test_image_path", None, "An image to try it on.")


def run() -> None:
    """Names the command that does it now."""
    path = absl_flags.FLAGS.output_tflite_path or "model.tflite"
    raise ValueError(
        "Frozen graphs are not converted any more. Export the checkpoint that the "
        "graph was made of:\n"
        "  python export_model.py --checkpoint_path=<checkpoint> "
        f"--export_path={path}\n"
        "It writes a file with static sizes and compares its labels with the network's."
    )


def main() -> None:
    """The script."""
    define_flags()
    run_main(run)


if __name__ == "__main__":
    main()
