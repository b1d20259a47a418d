"""What the page of an event shows of it: as much of each part as there is room for."""
