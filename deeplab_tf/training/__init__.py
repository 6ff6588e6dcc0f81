# Licensed under the Apache License, Version 2.0.
"""The training loop and what it is made of."""
