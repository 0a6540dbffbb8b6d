"""DQN and PPO on Keras 3, on JAX, TensorFlow or PyTorch underneath."""
