"""The command line: each command parses its options, calls the core and prints."""
