"""What tests of every directory share: people, clients, a worker played by hand, ports, waiting."""
