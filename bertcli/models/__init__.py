"""Encoders with objectives, encoders with a task, and their checkpoints in transformers' format."""
