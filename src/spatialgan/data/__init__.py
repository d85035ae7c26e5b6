"""Images in: folders, zips and LMDBs (sources.py), bytes to pixels (decoding.py), the set and its order (images.py),
the next batches during a step (read_ahead.py), instance masks (instances.py), checking and preparing sets (prepare.py),
windows around subjects (windows.py).

Nothing is imported here: `import spatialgan` has to stay free of torch.
"""
