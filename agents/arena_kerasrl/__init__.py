"""Agents of keras-rl2 (DQN, SARSA) in the arena."""
