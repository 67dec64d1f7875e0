"""The loop and what it stands on: optimizers, schedules, run directories, metrics. Knows accelerate."""
