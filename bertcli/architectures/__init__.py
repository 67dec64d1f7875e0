"""One file per family of models: settings, named sizes with published counts, encoder and heads."""
