"""DQN, C51, SAC and TD3 on TF-Agents."""
