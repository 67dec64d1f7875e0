"""What the YAML may say: one frozen model per command, and the loader that fills it."""
