"""The command line: a module for each command. Nothing imports it."""
