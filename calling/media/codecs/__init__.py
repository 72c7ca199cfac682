"""Sound and picture where they must be decoded or made: libopus, G.711 tables, no thread per frame."""
