"""What the fakes of all platforms share: a process, a control API, faults by script, and waiting for changes."""
