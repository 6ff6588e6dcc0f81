# Licensed under the Apache License, Version 2.0.
"""The forward pass beside torchvision's, from images to labels.

python -m benchmarks.forward
"""

from benchmarks import network_times

if __name__ == "__main__":
    network_times.run("forward", description=__doc__.splitlines()[0], passes=1)
