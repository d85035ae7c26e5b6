"""Training: losses, augmentation, the loop, and what it writes."""
