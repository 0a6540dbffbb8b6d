"""Trackers: services and programs that collect the runs of many experiments, such as W&B, MLflow and Trackio.

The run folder stays the record. A tracker gets a copy of a run once the run has ended, and only where somebody asks for it, by `arena sync`
or by `--track` of `arena run`. Other packages can add trackers by entry points of the group `arena.loggers`.
"""
