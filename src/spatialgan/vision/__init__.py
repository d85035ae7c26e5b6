"""Pretrained vision that measures: EfficientNet-Lite and its features, matching of windows, a detector of faces."""
