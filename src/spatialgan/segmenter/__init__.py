"""A small segmenter of rooms and floors, a product of its own: network, training, quality, and its use.

Nothing is imported here: `import spatialgan` has to stay free of torch.
"""
