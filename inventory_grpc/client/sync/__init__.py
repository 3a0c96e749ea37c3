"""The client for threads, made from `aio` beside it by `python -m tests.client.unasync`."""
