"""The run folder: what one run leaves behind, and where a run stands."""
