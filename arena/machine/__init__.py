"""The machine that a process runs on: cores, devices, GPUs, compile caches, installed packages."""
