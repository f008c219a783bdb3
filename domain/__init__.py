"""The words and the decisions. No I/O, no clock, no Temporal, no AWS."""
