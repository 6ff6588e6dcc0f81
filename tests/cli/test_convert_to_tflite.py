# Licensed under the Apache License, Version 2.0.
from tests.cli.command import run_command


def test_command_of_the_original_names_the_one_that_took_its_place():
    flags = (
        "--quantized_graph_def_path=graph.pb",
        "--output_tflite_path=a/b.tflite",
        "--input_tensor_name=MobilenetV2/MobilenetV2/input:0",
        "--output_tensor_name=ArgMax:0",
        "--test_image_path=photo.jpg",
    )
    result = run_command("convert_to_tflite", *flags)
    assert result.code == 1
    assert "python export_model.py --checkpoint_path=<checkpoint>" in result.err
    assert "--export_path=a/b.tflite" in result.err
