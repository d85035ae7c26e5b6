"""Numbers and figures about trained models: each is a function here, a command in cli/eval/commands.py, and a test.

Nothing is imported here: `import spatialgan` has to stay free of torch.
"""
