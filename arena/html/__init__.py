"""What every HTML page shares: rendering, charts, words and templates."""
