# Licensed under the Apache License, Version 2.0.
"""See deeplab_tf/cli/train.py."""

from deeplab_tf.cli.train import main

if __name__ == "__main__":
    main()
