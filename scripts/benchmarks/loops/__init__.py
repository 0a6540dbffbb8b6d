"""Each framework's own training loop, as its documentation writes it: what the agents are measured beside."""
