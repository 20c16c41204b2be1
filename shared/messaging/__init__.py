"""JetStream: connections, subjects, topology, and consumers that commit before they acknowledge."""
