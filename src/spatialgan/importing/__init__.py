"""StyleGAN2 models of other programs: read from their files without running anything that is in them, and written."""
