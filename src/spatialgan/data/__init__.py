"""Images in: folders, zips and LMDBs (sources.py), bytes to pixels (decoding.py), the set and its order (images.py),
checking and preparing a set (prepare.py).

Nothing is imported here: `import spatialgan` has to stay free of torch.
"""
