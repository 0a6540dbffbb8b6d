"""What measured processes import; also outside the arena's environment, so it needs nothing but Gymnasium."""
