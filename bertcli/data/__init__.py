"""Data sets on disk and what is made of them: token stores, sequences, batches, audits."""
