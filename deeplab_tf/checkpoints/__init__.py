# Licensed under the Apache License, Version 2.0.
"""Foreign weights into our models."""
