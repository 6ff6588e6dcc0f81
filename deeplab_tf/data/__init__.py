# Licensed under the Apache License, Version 2.0.
"""Records, sources, augmentation and the input pipeline."""
