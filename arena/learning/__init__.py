"""What agents of several frameworks share while they learn: transitions, replay, rollouts and the loops around them."""
