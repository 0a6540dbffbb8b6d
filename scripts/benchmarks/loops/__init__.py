"""Each framework's own training loop, as its documentation writes it, and those of SB3 and SBX: the baselines of our agents."""
