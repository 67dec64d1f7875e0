"""What every layer stands on and none of it knows about language models."""
