"""File formats, for every room: JSON, JSON lines, TOML and the validation of what is read."""
