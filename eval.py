# Licensed under the Apache License, Version 2.0.
"""See deeplab_tf/cli/eval.py."""

from deeplab_tf.cli.eval import main

if __name__ == "__main__":
    main()
