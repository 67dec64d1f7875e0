"""One plain function per command, from a frozen configuration to a frozen report."""
