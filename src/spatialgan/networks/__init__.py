"""The networks: StyleGAN2 written anew in plain PyTorch, with the paper's spatial encoding layers."""
