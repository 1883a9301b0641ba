"""Parts that the fakes of all platforms share: a control API, scripted faults, and waiting for changes."""
