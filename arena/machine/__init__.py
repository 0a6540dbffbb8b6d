"""The machine that a process runs on: its cores, devices and GPUs, what is installed and used there, and the compile cache."""
