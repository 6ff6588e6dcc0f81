# Licensed under the Apache License, Version 2.0.
"""What follows the logits: functions that wrap a predictor and return one."""
