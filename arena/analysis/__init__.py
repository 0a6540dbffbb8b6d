"""Statistics of experiments, from run folders alone: scores, intervals, comparisons, and the report that holds them."""
