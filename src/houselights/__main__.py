"""`python -m houselights` is the command `houselights`."""

from houselights.cli import main

main()
