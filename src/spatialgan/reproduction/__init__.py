"""The paper's tables, from recipes (``recipes/tables/*.toml``) to Markdown: what to run, running it, and the tables."""
