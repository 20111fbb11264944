"""What the nodes for video and audio share: reading, changing and writing pictures and sound piece by piece."""
