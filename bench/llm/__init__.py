"""Speed of the tinyllama workload: random models in any shape, and comparisons on the same core."""
