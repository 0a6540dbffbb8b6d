"""Experiments with known answers, judged as real ones are: how often reports and tournaments claim what is not so.

- `known_skill`: an environment in which a policy returns what it was made to return.
- `fake_runs`: run folders of agents whose training seeds follow a known distribution.
- `judges`: what a report and a tournament claim of such a folder.
- `calibrate`: many experiments, and the shares of wrong and missed claims.
"""
