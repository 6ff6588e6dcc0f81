# Licensed under the Apache License, Version 2.0.
"""See deeplab_tf/cli/convert_to_tflite.py."""

from deeplab_tf.cli.convert_to_tflite import main

if __name__ == "__main__":
    main()
