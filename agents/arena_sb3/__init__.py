"""Stable-Baselines3's agents: `sb3-dqn`, `sb3-ppo`, `sb3-sac`, `sb3-td3`."""
