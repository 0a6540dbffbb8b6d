"""Every named stream of random numbers."""
