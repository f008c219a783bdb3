"""`make meddle`: somebody else changes the account while a stack is released. docs/meddled.md."""
