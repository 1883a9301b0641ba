"""Code that all platforms share: intake, access, commands, delivery."""
