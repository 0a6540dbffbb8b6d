"""Gymnasium's small environments as NumPy arrays: N of them behind one vector environment, equal to Gymnasium's own to the last bit.

`arena_envs.arrays.choice` says which environments there are, and checks each against Gymnasium's before it is taken.
"""
