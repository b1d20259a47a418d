"""The parts of an event page, each within its byte budget."""
