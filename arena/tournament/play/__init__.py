"""The playing of tasks: policies are loaded, matches are played, and their records are written."""
