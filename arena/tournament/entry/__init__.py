"""Who may take part: arguments of the command line become players, and their policy files are admitted."""
