"""DQN and C51 on TF-Agents."""
