"""Numbers about trained models: each is a function here, a command in cli/eval/, and a test.

Nothing is imported here: `import spatialgan` has to stay free of torch.
"""
