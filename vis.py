# Licensed under the Apache License, Version 2.0.
"""See deeplab_tf/cli/vis.py."""

from deeplab_tf.cli.vis import main

if __name__ == "__main__":
    main()
