"""What `lienthong doctor` looks at: this machine, a network's folder, a network that runs."""
