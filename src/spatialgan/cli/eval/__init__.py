"""``spatialgan eval``: what trained models are measured by, a module for each group of measures."""
