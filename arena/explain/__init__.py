"""Explanations: which features a policy decides by, whatever framework trained it.

=================================================  ==========================================================
What is explained, and on which observations?      `explanation.py`: `explain`
What does each feature add to a score?             `shapley.py`: `exact_shapley`, `sampled_shapley`
The same along a path, as a check                  `gradients.py`: `integrated_gradients`
Which parts of an image count?                     `saliency.py`: `occlusion`
How is it shown?                                   `page.py`
=================================================  ==========================================================

The policy is a black box that answers batches of observations, so no framework and no library for explanations is needed.
"""
