"""Editing: pictures with their recipe (scene.py), drawn one by one or in batches (rendering.py), their files
(scene_file.py), PNG, GIF and animation (export.py), and checks of what callers hand in (arguments.py).

Nothing is imported here: ``import spatialgan`` has to stay free of torch.
"""
