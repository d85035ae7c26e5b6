"""What the paper does not have [ours], for little compute; all of it is off in the paper's presets."""
