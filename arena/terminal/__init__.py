"""The terminal layer of all commands: who sees what, and how text, tables and JSON lines are written."""
