"""What an agent is: the interface to implement, the spec that describes it, its hyperparameters, and how agents are found."""
