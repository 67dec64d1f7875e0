"""The protocols that components keep: what a batch, an encoder, an architecture, an objective and a task are."""
