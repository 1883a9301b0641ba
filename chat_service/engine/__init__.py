"""The embedded Restate server: finding or downloading it, running it as a child process, registering deployments."""
