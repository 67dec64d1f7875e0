"""Text: documents and sentences, vocabularies and their learning, tokenizers. Knows the tokenizers library."""
