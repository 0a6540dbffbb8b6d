"""Pages that people look at: each one file of HTML that needs nothing else."""
