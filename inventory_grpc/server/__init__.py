"""The running server: one process or several, from the settings to the last drained call."""
