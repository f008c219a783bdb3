"""The only code that calls AWS, git and Packer. Every activity can be run twice."""
