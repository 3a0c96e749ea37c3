"""The batcher: concurrent mutations become one row-locked transaction."""
