"""WebRTC clients that nobody here wrote, on an instance that nothing but `make run` started."""
