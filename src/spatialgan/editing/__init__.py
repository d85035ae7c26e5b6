"""Editing: pictures with their recipe (scene.py) and what can be done with them, a class for each edit (edits/, with
added_objects.py beneath), the drag (drag/), scenes of photographs (inversion.py, photo.py), the generator's inputs and
batches of pictures (rendering.py), files (scene_file.py), the command that draws a scene (command.py), PNG, GIF and
animation (pictures.py, video.py), and checks of what callers hand in (arguments.py).

Nothing is imported here: ``import spatialgan`` has to stay free of torch.
"""
