"""bertcli: from raw text to a fine-tuned encoder, in six commands."""

__version__ = "0.1.0"
