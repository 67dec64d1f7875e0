"""One file per command; the folder is the list that ``bertcli --help`` shows."""
