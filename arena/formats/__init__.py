"""Formats that all rooms share: JSON, JSON lines and TOML files, folder locks, validation, differences, and values as people read them."""
