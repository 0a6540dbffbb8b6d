"""HTML pages: rendering from templates, charts, and the sentences that say who is ahead."""
