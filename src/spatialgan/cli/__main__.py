"""`python -m spatialgan.cli`, for where the script is not on the path."""

from spatialgan.cli.commands import main

main()
