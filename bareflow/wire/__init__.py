"""The framed link between guest and host, over any byte stream."""
