"""The only code that touches the world: facts in our types out, one class a noun. Each activity can be run twice."""
