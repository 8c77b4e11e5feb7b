"""Foreign results into our model; the only place that knows their keys."""
