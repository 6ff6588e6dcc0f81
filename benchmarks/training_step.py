# Licensed under the Apache License, Version 2.0.
"""A step of training beside torchvision's: forward, loss, gradients and update.

python -m benchmarks.training_step
"""

from benchmarks import network_times

if __name__ == "__main__":
    network_times.run("training_step", description=__doc__.splitlines()[0], passes=3)
