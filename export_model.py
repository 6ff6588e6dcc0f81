# Licensed under the Apache License, Version 2.0.
"""See deeplab_tf/cli/export_model.py."""

from deeplab_tf.cli.export_model import main

if __name__ == "__main__":
    main()
