"""Exports: a policy file rebuilt for other runtimes, none of which needs the arena.

=================================================  ==========================================================
What does a policy file compute?                   `graph.py`: `PolicyGraph`, of a few operators
Which formats are there?                           `formats.py`: `FORMATS`
Who writes LiteRT files and SavedModels?           `tensorflow_format.py`
Who writes PyTorch's exported programs?            `torch_format.py`
Who writes C and JavaScript?                       `c_format.py`, `javascript_format.py`
Where does all of that run?                        `conversion.py`, in a process of its own
Who calls it, and compares with the policy file?   `export.py`: `export_policy`
=================================================  ==========================================================
"""
