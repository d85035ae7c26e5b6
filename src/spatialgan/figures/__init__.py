"""The paper's figures: what each shows, of a model, and how all are drawn, in one style."""
