"""One file per self-supervised signal: its data half and its model half together."""
