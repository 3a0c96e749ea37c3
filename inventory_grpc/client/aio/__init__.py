"""The client for asyncio. The package beside it, `sync`, is made from this one."""
